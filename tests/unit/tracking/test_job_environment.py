from mlops_ci.tracking.client import TrackedRun, Tracker
from mlops_ci.tracking.job_environment import job_environment

RUN = TrackedRun(experiment_id="7", run_id="abc", started_ms=1)


def test_a_job_finds_its_run_and_gets_the_credentials_apart_from_the_address(monkeypatch):
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "no_proxy"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    environment = job_environment(Tracker("https://someone:passw0rd@mlflow.example"), RUN)
    assert environment == {
        "MLFLOW_TRACKING_URI": "https://mlflow.example",
        "MLFLOW_EXPERIMENT_ID": "7",
        "MLFLOW_RUN_ID": "abc",
        "MLFLOW_TRACKING_USERNAME": "someone",
        "MLFLOW_TRACKING_PASSWORD": "passw0rd",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "NO_PROXY": "127.0.0.1",
    }
