"""The same pipeline on an S3 server and a separately started MLflow server, both named only in settings."""

from __future__ import annotations

import uuid

import boto3

from mlops_ci.stores.open import open_store
from support.cli import call, records
from support.state import final_state


def bucket_of(s3_server):
    name = f"mlops-ci-{uuid.uuid4().hex[:12]}"
    boto3.client("s3", endpoint_url=s3_server.endpoint, **_keys(s3_server)).create_bucket(Bucket=name)
    return name


def _keys(s3_server):
    return {
        "aws_access_key_id": s3_server.access_key,
        "aws_secret_access_key": s3_server.secret_key,
        "region_name": s3_server.region,
    }


def settings_for(s3_server, mlflow_server, bucket):
    return {
        "MLOPS_CI_ENGINE": "host",
        "MLOPS_CI_PUBLISH__STORE": f"s3://{bucket}/models",
        "MLOPS_CI_PUBLISH__ENDPOINT": s3_server.endpoint,
        "MLOPS_CI_TRACKING__URI": mlflow_server,
        "MLOPS_CI_PROJECT__NAME": f"mean-{uuid.uuid4().hex[:8]}",
        **s3_server.environment,
    }


def test_a_whole_run_on_servers(project, s3_server, mlflow_server, monkeypatch):
    settings = settings_for(s3_server, mlflow_server, bucket_of(s3_server))
    done = call(project, "run", environment=settings)
    assert done.exit_code == 0, done.said
    assert not (project / ".mlops" / "mlflow").exists()
    assert not (project / ".mlops" / "store").exists()
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    store = open_store(settings["MLOPS_CI_PUBLISH__STORE"], endpoint=s3_server.endpoint)
    run_id = records(project)["train"]["run"]
    state = final_state(project, run_id, store, mlflow_server)
    assert state["manifest problems"] == []
    assert (state["mlflow runs"], state["versions"], state["orphans"], state["champion"]) == (1, 1, 0, True)
    assert state["steps"] == [1, 2, 3, 4, 5, 6]
    said = done.said + "".join(path.read_text() for path in (project / ".mlops").rglob("*.json"))
    assert s3_server.secret_key not in said


def test_refused_credentials_name_the_variables_and_no_secret(project, s3_server, mlflow_server):
    settings = settings_for(s3_server, mlflow_server, bucket_of(s3_server))
    settings["AWS_SECRET_ACCESS_KEY"] = "wrong-secret-wrong-secret"
    done = call(project, "run", environment=settings)
    assert done.exit_code in (2, 3, 10), done.said
    found = records(project)
    assert found["publish"]["status"] == "failed"
    assert "AWS_SECRET_ACCESS_KEY" in found["publish"]["error"]["hint"]
    assert "wrong-secret" not in done.said

    settings["AWS_SECRET_ACCESS_KEY"] = s3_server.secret_key
    again = call(project, "run", environment=settings)
    assert again.exit_code == 0, again.said
    assert records(project)["train"]["attempt"] == 1
