import json
import math
from types import SimpleNamespace

import pytest
import requests

from mlops_ci.tracking import connection, rest, rest_answers
from mlops_ci.tracking.connection import Connection
from mlops_ci.tracking.errors import (
    TrackingAccessError,
    TrackingDownError,
    TrackingExistsError,
    TrackingNotFoundError,
    TrackingRefusedError,
)
from mlops_ci.tracking.rest import Rest, RestError, ordinary
from mlops_ci.tracking.rest_client import RestClient

CREDENTIALS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")


class Line:
    """Stands for the network: keeps what was sent, answers as it is told."""

    def __init__(self, *answers):
        self.sent = []
        self.answers = list(answers)

    def request(self, method, url, **more):
        self.sent.append(SimpleNamespace(method=method, url=url, **more))
        status, body = self.answers.pop(0) if self.answers else (200, {})
        text = body if isinstance(body, str) else json.dumps(body)
        return SimpleNamespace(status_code=status, text=text, reason="")


@pytest.fixture
def line(monkeypatch):
    for name in (*CREDENTIALS, rest.INSECURE, rest.CERTIFICATES, rest.OWN_CERTIFICATE, rest.TIMEOUT):
        monkeypatch.delenv(name, raising=False)
    made = Line()
    monkeypatch.setattr(requests, "Session", lambda: made)
    return made


@pytest.mark.parametrize(
    ("environ", "plain"),
    [
        ({}, True),
        ({"MLFLOW_TRACKING_URI": "https://m", "MLFLOW_TRACKING_TOKEN": "t", "MLFLOW_RUN_ID": "r"}, True),
        ({"MLFLOW_TRACKING_AUTH": ""}, True),
        ({"MLFLOW_TRACKING_AUTH": "kubernetes"}, False),
        ({"MLFLOW_TRACKING_AWS_SIGV4": "true"}, False),
        ({"MLFLOW_WORKSPACE": "team"}, False),
    ],
)
def test_what_only_mlflows_client_can_do_is_left_to_it(tmp_path, environ, plain):
    assert ordinary(environ, tmp_path) is plain


def test_a_file_of_credentials_is_left_to_mlflows_client(tmp_path):
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow" / "credentials").write_text("[mlflow]\n")
    assert not ordinary({}, tmp_path)


def test_a_plugin_is_left_to_mlflows_client(tmp_path, monkeypatch):
    package = tmp_path / "other-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Name: other\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[mlflow.request_header_provider]\nx = other:Headers\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert not ordinary({}, tmp_path)


@pytest.mark.parametrize(
    ("environ", "header"),
    [
        ({}, None),
        ({"MLFLOW_TRACKING_TOKEN": "t"}, "Bearer t"),
        ({"MLFLOW_TRACKING_USERNAME": "ü", "MLFLOW_TRACKING_PASSWORD": "p"}, "Basic w7w6cA=="),
        (
            {"MLFLOW_TRACKING_USERNAME": "u", "MLFLOW_TRACKING_PASSWORD": "p", "MLFLOW_TRACKING_TOKEN": "t"},
            "Basic dTpw",
        ),
    ],
)
def test_credentials_are_those_of_mlflows_variables(line, monkeypatch, environ, header):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    Rest("https://m").get("/x")
    assert line.sent[0].headers.get("Authorization") == header


@pytest.mark.parametrize(
    ("environ", "verify", "cert", "timeout"),
    [
        ({}, True, None, 30.0),
        ({rest.CERTIFICATES: "/ca.pem", rest.OWN_CERTIFICATE: "/me.pem", rest.TIMEOUT: "7"}, "/ca.pem", "/me.pem", 7.0),
        ({rest.CERTIFICATES: "/ca.pem", rest.INSECURE: "true"}, False, None, 30.0),
        ({rest.INSECURE: "false"}, True, None, 30.0),
    ],
)
def test_certificates_and_time_limits_are_those_of_mlflows_variables(line, monkeypatch, environ, verify, cert, timeout):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    Rest("https://m").get("/x", nothing=None, a="1")
    sent = line.sent[0]
    assert (sent.verify, sent.cert, sent.timeout, sent.params) == (verify, cert, timeout, {"a": "1"})


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (
            404,
            {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such run"},
            TrackingNotFoundError,
            "no such run",
        ),
        (400, {"error_code": "RESOURCE_ALREADY_EXISTS", "message": "it is there"}, TrackingExistsError, "it is there"),
        (400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "bad"}, TrackingRefusedError, "bad"),
        (404, "<html>no page</html>", TrackingRefusedError, "does not know what MLflow's client asks for"),
        (404, {"detail": "Not Found"}, TrackingRefusedError, "does not know what MLflow's client asks for"),
        (401, "who?", TrackingAccessError, "does not accept our credentials"),
        (403, "no", TrackingAccessError, "do not permit this"),
        (403, "Invalid Host header", TrackingAccessError, "does not serve under this name"),
        (503, "busy", TrackingDownError, "it answers with status 503"),
        (429, "slowly", TrackingDownError, "it answers with status 429"),
        (200, "<html>please log in</html>", TrackingDownError, "no JSON object"),
        (200, "[]", TrackingDownError, "no JSON object"),
    ],
)
def test_each_answer_is_said_in_our_words(line, monkeypatch, status, body, error, words):
    monkeypatch.setattr(connection, "ordinary", lambda *_: True)
    line.answers = [(status, body)]
    with pytest.raises(error) as caught:
        Connection("https://m", policy=connection.ONCE).ask("testing", lambda client: client.get_run("r"))
    assert words in caught.value.cause


def test_no_answer_is_said_in_our_words(line, monkeypatch):
    def fail(*_, **__):
        raise requests.ConnectionError("Failed to establish a new connection: [Errno 111] Connection refused")

    monkeypatch.setattr(connection, "ordinary", lambda *_: True)
    line.request = fail
    with pytest.raises(TrackingDownError, match="connection refused"):
        Connection("https://m", policy=connection.ONCE).ask("testing", lambda client: client.get_run("r"))


def test_a_bug_of_ours_is_not_said_to_be_the_servers(line, monkeypatch):
    monkeypatch.setattr(connection, "ordinary", lambda *_: True)
    with pytest.raises(KeyError):
        Connection("https://m", policy=connection.ONCE).ask("testing", lambda client: client.get_run("r"))


def test_numbers_that_json_has_not_travel_as_words_and_back(line):
    points = [rest_answers.Metric("a", value, 5, 1) for value in (0.5, math.nan, math.inf, -math.inf)]
    RestClient("https://m").log_batch("r", metrics=points)
    sent = [one["value"] for one in line.sent[0].json["metrics"]]
    assert sent == [0.5, "NaN", "Infinity", "-Infinity"]
    back = [rest_answers.point({"key": "a", "value": value}).value for value in sent]
    assert back[0] == 0.5
    assert math.isnan(back[1])
    assert back[2:] == [math.inf, -math.inf]


def test_a_history_is_read_to_its_end(line):
    one = {"key": "a", "value": 1, "timestamp": "3", "step": "2"}
    line.answers = [(200, {"metrics": [one], "next_page_token": "more"}), (200, {"metrics": [one]})]
    assert RestClient("https://m").get_metric_history("r", "a") == [rest_answers.Metric("a", 1.0, 3, 2)] * 2
    assert [sent.params.get("page_token") for sent in line.sent] == [None, "more"]
    # Without a limit the server gives all of it in one answer, which for a long training takes longer than is waited.
    assert {sent.params["max_results"] for sent in line.sent} == {25_000}


def test_a_version_that_is_not_ready_yet_is_waited_for(line, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    states = ["PENDING_REGISTRATION", "PENDING_REGISTRATION", "READY"]
    line.answers = [(200, {"model_version": {"version": "1", "status": state}}) for state in states]
    made = RestClient("https://m").create_model_version("m", source="s", run_id="r", model_id="i", tags={})
    assert (made.status, line.answers) == ("READY", [])
    line.answers = [(200, {"model_version": {"version": "1", "status": "FAILED_REGISTRATION"}})]
    with pytest.raises(RestError, match="FAILED_REGISTRATION"):
        RestClient("https://m").create_model_version("m", source="s", run_id="r", model_id="i", tags={})


def test_files_go_to_the_server_below_the_models_own_folder(line, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "a b.json").write_text("{}")
    (tmp_path / "in" / "c").write_text("")
    place = {"info": {"model_id": "m-1", "artifact_uri": "mlflow-artifacts:/1/models/m-1/artifacts"}}
    line.answers = [(200, {"model": place}), (200, ""), (200, "")]
    RestClient("https://m/at").log_model_artifacts("m-1", str(tmp_path))
    start = "https://m/at/api/2.0/mlflow-artifacts/artifacts/1/models/m-1/artifacts/"
    assert [(sent.method, sent.url) for sent in line.sent[1:]] == [
        ("PUT", f"{start}a%20b.json"),
        ("PUT", f"{start}in/c"),
    ]


def test_files_that_lie_elsewhere_are_left_to_mlflows_client(line, tmp_path, monkeypatch):
    calls = []

    def made(**given):
        return SimpleNamespace(log_model_artifacts=lambda *arguments: calls.append((given, arguments)))

    monkeypatch.setattr(connection, "mlflow", lambda: SimpleNamespace(MlflowClient=made))
    line.answers = [(200, {"model": {"info": {"model_id": "m-1", "artifact_uri": "s3://bucket/m-1"}}})]
    RestClient("https://m").log_model_artifacts("m-1", str(tmp_path))
    assert calls == [({"tracking_uri": "https://m"}, ("m-1", str(tmp_path)))]
    assert len(line.sent) == 1
