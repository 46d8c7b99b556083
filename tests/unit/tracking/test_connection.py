import sys

import pytest

from mlops_ci.tracking import connection, server
from mlops_ci.tracking.errors import EmbeddedServerMissingError, TrackingClientMissingError

HEAD = "API request to http://h:1/api/2.0/mlflow/x failed with exception HTTPConnectionPool(host='h', port=1): "


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            HEAD
            + "Max retries exceeded with url: /x (Caused by NewConnectionError('<urllib3.connection.HTTPConnection "
            "object at 0x7f>: Failed to establish a new connection: [Errno 111] Connection refused'))",
            "connection refused",
        ),
        (
            HEAD + 'Max retries exceeded with url: /x (Caused by NameResolutionError("<urllib3.connection object>: '
            "Failed to resolve 'h' ([Errno -2] Name or service not known)\"))",
            "name or service not known",
        ),
        (
            HEAD + "Max retries exceeded with url: /x (Caused by ResponseError('too many 503 error responses'))",
            "it answers with status 503",
        ),
        ("API request to http://h:1/x failed with timeout exception Read timed out.", "it did not answer in time"),
        (
            HEAD
            + "(Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify "
            "failed: self-signed certificate')))",
            "its certificate is not trusted",
        ),
        (
            "('Connection aborted.', RemoteDisconnected('Remote end closed connection without response'))",
            "it closed the connection",
        ),
        ("something\n new ", "something new"),
    ],
)
def test_a_nested_network_error_is_said_in_a_few_words(text, reason):
    assert connection._reason(text) == reason


def test_without_mlflow_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    connection.mlflow.cache_clear()
    with pytest.raises(TrackingClientMissingError) as caught:
        connection.mlflow()
    assert caught.value.exit_code == 3
    assert caught.value.hint == 'pip install "mlops-ci[mlflow]"'


def test_without_mlflows_server_the_extra_is_named(monkeypatch, tmp_path):
    def missing(name):
        raise server.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(server.importlib.metadata, "version", missing)
    with pytest.raises(EmbeddedServerMissingError) as caught, server.embedded_server(tmp_path, zipapp=tmp_path / "g"):
        pass
    assert caught.value.exit_code == 3
    assert 'pip install "mlops-ci[embedded]"' in caught.value.hint
