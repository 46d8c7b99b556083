"""The same pipeline on an S3 server and a separately started MLflow server, both named only in settings."""

from __future__ import annotations

import re
import shutil
import signal
import uuid

import boto3

from mlops_ci.stores.open import open_store
from support.cli import begun, call, newest_run, records
from support.guest_job import until
from support.leftovers import of_project
from support.mlflow_restartable import RestartableServer
from support.state import final_state
from support.testbed.ports import free_ports


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
    bucket = bucket_of(s3_server)
    kept = f"s3://{bucket}/kept"
    settings = {**settings_for(s3_server, mlflow_server, bucket), "MLOPS_CI_TRAIN__CHECKPOINT_STORE": kept}
    # Killed in the middle, and gone on with as on another machine: its checkpoints are in the store only.
    with begun(project, "run", environment=settings) as child:
        for line in child.stderr:
            if line.startswith("epoch 4 "):
                child.kill()
    assert child.returncode == -signal.SIGKILL
    until(lambda: not of_project(project), 30)
    shutil.rmtree(newest_run(project) / "train" / "checkpoints")
    done = call(project, "run", environment=settings)
    assert done.exit_code == 0, done.said
    assert re.search(rf"took the checkpoint of step [1-4] from {kept}", done.stderr)
    assert f"the checkpoints of this run are no longer needed, and gone from {kept}" in done.stderr
    assert not (project / ".mlops" / "mlflow").exists()
    assert not (project / ".mlops" / "store").exists()
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    store = open_store(settings["MLOPS_CI_PUBLISH__STORE"], endpoint=s3_server.endpoint)
    run_id = records(project)["train"]["run"]
    state = final_state(project, run_id, store, mlflow_server)
    assert state["manifest problems"] == []
    assert list(open_store(kept, endpoint=s3_server.endpoint).list("checkpoints/")) == []
    assert (state["mlflow runs"], state["versions"], state["orphans"], state["champion"]) == (1, 1, 0, True)
    assert state["steps"] == [1, 2, 3, 4, 5, 6]
    said = done.said + "".join(path.read_text() for path in (project / ".mlops").rglob("*.json"))
    assert s3_server.secret_key not in said


def test_mlflow_killed_half_way_loses_nothing(project, tmp_path):
    server = RestartableServer(tmp_path, free_ports(1)[0])
    server.start()
    settings = {"MLOPS_CI_ENGINE": "host", "MLOPS_CI_TRACKING__URI": server.uri}
    try:
        with begun(project, "run", environment=settings) as child:
            for line in child.stderr:
                if line.startswith("epoch 3 "):
                    server.kill()
        assert child.returncode == 10
        found = records(project)
        assert found["train"]["status"] == "passed", "a good training is not lost with the server"
        assert any("MLflow" in warning for warning in found["train"]["warnings"])
        assert "promote" not in found

        server.start()
        again = call(project, "run", environment=settings)
        assert again.exit_code == 0, again.said
        assert records(project)["train"]["attempt"] == 1
        state = final_state(project, found["train"]["run"], open_store(str(project / ".mlops" / "store")), server.uri)
    finally:
        server.kill()
    assert (state["mlflow runs"], state["mlflow status"], state["versions"]) == (1, "FINISHED", 1)
    assert (state["steps"], state["points per step"]) == ([1, 2, 3, 4, 5, 6], [1])


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
