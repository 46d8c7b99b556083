"""Pipelines that must not end green: each job's end, the exit code of the whole, and what did not run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import act
from support.oci_server import OciServer, trivy_database_server
from support.web_server import Reply, WebServer, web_server

# Shaped like an access key, put together here so that no scanner takes this file for a leak. It opens nothing.
LEAK = f"aws_access_key_id = {'AK' + 'IA'}{'Q3EGRJK7' * 2}\n"
# What a site with servers adds to the example.
SERVERS = """
      settings: ${{ vars.MLOPS_CI_SETTINGS }}
      aws-role: ${{ vars.MLOPS_CI_AWS_ROLE }}
      aws-role-handover: ${{ vars.MLOPS_CI_AWS_ROLE }}
    secrets:
      aws-access-key-id: ${{ secrets.AWS_ACCESS_KEY_ID }}
      aws-secret-access-key: ${{ secrets.AWS_SECRET_ACCESS_KEY }}
      mlflow-token: ${{ secrets.MLFLOW_TRACKING_TOKEN }}
"""
# Who may have the scanner's database.
LOGIN = """
    secrets:
      database-username: reader
      database-password: ${{ secrets.DATABASE_PASSWORD }}
"""
FORK = {
    "pull_request": {
        "number": 1,
        "head": {"ref": "change", "sha": "0" * 40, "repo": {"full_name": "stranger/project"}},
        "base": {"ref": "main", "repo": {"full_name": "consumer/project"}},
    },
    "repository": {"full_name": "consumer/project"},
}


@pytest.fixture
def private(trivy_db_folder: Path) -> Iterator[OciServer]:
    """A database that nobody gets without a login."""
    with trivy_database_server(trivy_db_folder / "db", login=("reader", "word-of-the-house")) as server:
        yield server


def test_a_gate_that_says_no_to_a_run_that_another_file_began(run, private, tmp_path):
    """A job of its own logs in and fetches the scanner's database: what scans has no secret. And all is done for the
    images of a second build too.
    """
    (tmp_path / "site.toml").write_text('database = "job"\n')
    done = run(
        act.going_on("build", "scan").rstrip() + LOGIN,
        files={"notes.txt": LEAK},
        bundle=act.make_bundle(tmp_path / "bundle" / act.BUNDLE, profile=str(tmp_path / "site.toml")),
        environment={
            "MLOPS_CI_MIRRORS__TRIVY_DB": private.trivy_repository,
            "MLOPS_CI_IMAGE__VARIANTS": '["cu130"]',
        },
        secrets={"DATABASE_PASSWORD": "word-of-the-house"},
    )
    assert done.exit_code != 0
    facts = done.facts("scan")
    assert (facts["result"], facts["exit_code"], facts["worth_a_retry"]) == ("failed", 1, False)
    assert facts["jobs"] == {"plan": "passed", "database": "passed", "build": "passed", "scan": "failed"}
    assert f"Z, from {private.trivy_repository}" in done.log
    assert "word-of-the-house" not in done.log
    assert done.records()["scan"]["outputs"]["db"]["digest"]
    assert "secret" in facts["reason"]
    assert done.facts("build")["result"] == "passed"
    made, scanned = (done.facts(file)["variants"]["cu130"] for file in ("build", "scan"))
    assert (made["result"], list(made["images"])) == ("passed", ["base"])
    assert (scanned["result"], scanned["exit_code"]) == ("failed", 1)
    assert len(list(done.artifacts.glob("mlops-*-cu130-1"))) == 2, "each in a job of its own"
    records = done.records()
    assert records["scan"]["exit_code"] == 1
    assert records["report"]["status"] == "passed"
    assert len({one["run"] for one in records.values()}) == 1
    assert records["check"]["status"] == "passed", "which the file scan alone would not have run"


@pytest.fixture
def by_store(tmp_path: Path) -> Path:
    """The bundle of a site whose jobs hand a run on through its object store."""
    return act.make_bundle(tmp_path / "bundle" / act.BUNDLE, profile="object-store")


@pytest.fixture
def house() -> Iterator[WebServer]:
    """Where the site's servers are: what comes in is counted."""
    with web_server(lambda _: Reply(status=403)) as server:
        yield server


def test_code_of_a_fork_reaches_neither_own_runner_nor_data_nor_store_nor_secret(run, by_store, house):
    """Where jobs hand on through the store, which a fork's code must not see: it hands on by artifacts."""
    settings = {"publish.store": "s3://house/models", "publish.endpoint": house.url, "tracking.uri": house.url}
    keys = {"AWS_ACCESS_KEY_ID": "key-of-the-house", "AWS_SECRET_ACCESS_KEY": "secret-of-the-house"}
    done = run(
        act.EXAMPLE.read_text().rstrip() + SERVERS,
        bundle=by_store,
        event="pull_request",
        payload=FORK,
        # act hands them to a fork too: only the called file itself can withhold them.
        secrets={**keys, "MLFLOW_TRACKING_TOKEN": "token-of-the-house"},
        variables={
            "MLOPS_CI_SETTINGS": "\n".join(f"{key}={value}" for key, value in settings.items()),
            "MLOPS_CI_RUNNER_GPU": '["self-hosted", "gpu"]',
            "MLOPS_CI_AWS_ROLE": "arn:aws:iam::1:role/of-the-house",
        },
        labels=("ubuntu-latest",),
    )
    assert done.exit_code == 0, done.log[-6000:]
    assert done.outputs["trusted"] == "false"
    assert set(done.jobs) == {"plan", "build", "scan", "result"}
    assert done.outputs["result"] == "passed"
    records = done.records()
    assert {name for name, one in records.items() if one["status"] == "passed"} == {
        "plan",
        "build",
        "check",
        "scan",
        "report",
    }
    left_out = records["plan"]["outputs"]["left_out"]
    assert set(left_out) == {"prepare", "verify", "train", "evaluate", "publish", "promote", "deploy"}
    assert all("fork" in reason for reason in left_out.values())
    assert records["train"]["status"] == "skipped"

    assert house.requests == [], "nobody asked the store or MLflow"
    assert len(list(done.artifacts.glob("mlops-train-*-1"))) == len(done.jobs), "each job handed on by an artifact"
    texts = [done.log, *(path.read_text(errors="replace") for path in done.artifacts.rglob("*") if path.is_file())]
    assert not any("of-the-house" in text for text in texts)
