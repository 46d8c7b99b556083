import importlib.metadata
import importlib.util
from pathlib import Path

from mlops_ci.tracking.constants import constants
from mlops_ci.tracking.server_command import server_command


def test_the_locked_mlflow_is_started_as_one_process_that_keeps_others_out():
    command = server_command("127.0.0.1", 5000, "127.0.0.1", importlib.metadata.version("mlflow"))
    assert command.module[:3] == ("mlops_ci.tracking.application", "--host", "127.0.0.1")
    assert command.module[-1] == "mlflow.server.fastapi_app:app"
    hosts = "127.0.0.1,127.0.0.1:5000,localhost,localhost:5000"
    assert command.environment["MLFLOW_SERVER_ALLOWED_HOSTS"] == hosts
    assert command.environment["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"] == "http://127.0.0.1:5000"
    assert command.environment["_MLFLOW_SERVER_FILE_STORE"] == "sqlite:///mlflow.db"


def test_another_version_is_started_by_its_own_command():
    command = server_command("::1", 5000, "[::1]", "9.0.1")
    assert command.module[:4] == ("mlflow", "server", "--host", "::1")
    assert command.module[command.module.index("--allowed-hosts") + 1] == "[::1],[::1]:5000"
    assert command.environment == {}


def test_the_names_are_those_of_the_installed_mlflow():
    found = importlib.util.find_spec("mlflow")
    assert found is not None
    assert found.origin is not None
    theirs = Path(found.origin).with_name("server").joinpath("constants.py").read_text()
    private = [name for name in constants().server.application.environment if name.startswith("_MLFLOW_SERVER_")]
    assert len(private) == 5
    assert [name for name in private if f'"{name}"' not in theirs] == []
