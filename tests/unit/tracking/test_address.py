import os

import pytest

from mlops_ci.redaction import Redactor
from mlops_ci.tracking.address import public, run_link, take_credentials
from mlops_ci.tracking.errors import TrackingAddressError


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://mlflow:5000", "http://mlflow:5000"),
        ("https://someone:secret@mlflow.example/prefix/", "https://mlflow.example/prefix"),
        ("https://token@mlflow.example", "https://mlflow.example"),
        ("http://[::1]:5000/?token=abc#x", "http://[::1]:5000"),
    ],
)
def test_a_public_address_has_no_credentials(uri, shown):
    assert public(uri) == shown


@pytest.mark.parametrize(
    "uri", ["", "mlruns", "sqlite:///mlflow.db", "databricks", "http://", "http://host:port", "http://[x"]
)
def test_what_is_no_address_of_a_server_is_refused_without_showing_it(uri):
    with pytest.raises(TrackingAddressError) as caught:
        public(uri)
    assert caught.value.exit_code == 2
    assert "https://mlflow.example" in caught.value.hint


def test_a_refused_address_does_not_show_its_password():
    with pytest.raises(TrackingAddressError) as caught:
        public("postgresql://someone:secret77@db/mlflow")
    assert "secret77" not in caught.value.cause + caught.value.hint


def test_credentials_move_into_the_environment_and_are_hidden():
    redactor = Redactor()
    assert take_credentials("https://someone:p%40ssword@mlflow.example", redactor) == "https://mlflow.example"
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == "someone"
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "p@ssword"
    assert redactor.clean("it is p@ssword") == "it is ***"


def test_variables_that_are_set_win_and_are_hidden(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "other")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "another-secret")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "a-token-of-ours")
    redactor = Redactor()
    take_credentials("https://someone:passw0rd@mlflow.example", redactor)
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == "other"
    assert redactor.clean("another-secret a-token-of-ours passw0rd") == "*** *** ***"


def test_the_page_of_a_run():
    assert run_link("https://mlflow.example", "7", "abc") == "https://mlflow.example/#/experiments/7/runs/abc"
