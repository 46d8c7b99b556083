"""Secrets do not get out."""

from mlops_ci.redaction import Redactor, is_secret_name


def test_names_of_secrets_are_recognised():
    secret = ["AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD", "GITHUB_TOKEN", "api-key", "--registry-token"]
    assert all(is_secret_name(name) for name in secret)
    assert not any(is_secret_name(name) for name in ("PATH", "MONKEY", "KEYBOARD", "AUTHOR", "MLOPS_SEED"))


def test_known_secrets_vanish_also_in_quoted_form():
    redactor = Redactor()
    assert redactor.add("s3cr/et+value")
    assert not redactor.add("s3cr/et+value")
    assert redactor.clean("x s3cr/et+value y s3cr%2Fet%2Bvalue z") == "x *** y *** z"


def test_a_short_value_is_not_hidden():
    redactor = Redactor()
    assert not redactor.add("no")
    assert redactor.clean("nothing") == "nothing"


def test_passwords_in_addresses_vanish():
    assert Redactor().clean("http://user:hunter2@host/path") == "http://user:***@host/path"


def test_values_of_secret_options_vanish_from_argv():
    argv = ["tool", "--token", "abc", "--registry-password=xyz", "--verbose", "-p", "1"]
    assert Redactor().clean_argv(argv) == ["tool", "--token", "***", "--registry-password=***", "--verbose", "-p", "1"]


def test_the_environment_names_its_secrets():
    redactor = Redactor()
    redactor.add_environment({"MY_TOKEN": "topsecret", "HOME": "/home/me"})
    assert redactor.clean("topsecret /home/me") == "*** /home/me"
