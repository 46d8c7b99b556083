"""No secret in any line."""

from mlops_ci.guest.output.redact import Redactor


def test_values_lines_of_values_and_quoted_values():
    redactor = Redactor(["top/secret", "-----BEGIN-----\nline-of-key\n", "short", ""])
    assert redactor.clean("a top/secret b") == "a *** b"
    assert redactor.clean("https://u:top%2Fsecret@host") == "https://u:***@host"
    assert redactor.clean("x line-of-key x") == "x *** x"
    assert redactor.clean("a short word") == "a short word"


def test_the_longer_secret_goes_first():
    assert Redactor(["abcdef", "abcdefghi"]).clean("abcdefghi") == "***"
