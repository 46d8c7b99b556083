"""The example that the docs show, executed for a pull request: jobs that share nothing but what they hand on."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci import pipeline
from support import act
from support.forge import BOT, NUMBER, Forge, forge
from support.project import head

# A pull request from a branch of the repository itself.
OWN = {
    "pull_request": {
        "number": NUMBER,
        "head": {"ref": "change", "sha": "0" * 40, "repo": {"full_name": act.CONSUMER}},
        "base": {"ref": "main", "repo": {"full_name": act.CONSUMER}},
    },
    "repository": {"full_name": act.CONSUMER},
}


@pytest.fixture
def server() -> Iterator[Forge]:
    with forge(act.CONSUMER) as made:
        yield made


@pytest.fixture
def machine(server: Forge, mlflow_server: str, tmp_path: Path) -> dict[str, str]:
    """With an MLflow server, so that no job starts one of its own; other tests let them."""
    return {
        **act.at_server(server.url, tmp_path),
        "MLOPS_CI_TRACKING__URI": mlflow_server,
        "MLOPS_CI_PROJECT__NAME": f"proposed-{secrets.token_hex(4)}",
        "MLOPS_CI_TRAIN__PARAMS__SECONDS": "0.1",
        "MLOPS_CI_VERIFY__LEVEL": "static",
    }


def test_the_whole_pipeline_ends_green_with_all_records(run, machine, server: Forge, tmp_path: Path):
    done = run(
        event="pull_request",
        payload=OWN,
        environment=machine,
        secrets={"GITHUB_TOKEN": BOT},
    )
    assert done.exit_code == 0, done.log[-8000:]
    assert done.result == "success"
    assert list(done.jobs) != []
    records = done.records()
    assert set(records) == set(pipeline.NAMES)
    statuses = {name: one["status"] for name, one in records.items()}
    assert statuses == {**dict.fromkeys(pipeline.NAMES, "passed"), "publish": "skipped", "promote": "skipped"}
    assert records["publish"]["reason"] == "dry run: nothing is published", "what is proposed is not published"
    assert {one["provider"] for one in records.values()} == {"github"}
    assert records["train"]["outputs"]["devices"] == ["cpu"]

    outputs = done.outputs
    assert (outputs["result"], outputs["exit-code"], outputs["trusted"]) == ("passed", "0", "true")
    assert (outputs["model-version"], outputs["promoted"]) == ("", "false")
    facts = json.loads(outputs["result-json"])
    assert facts["run"] == outputs["run-id"] == records["plan"]["run"]
    assert facts["verdict"] == "promote"
    assert json.loads(outputs["images"]) == facts["images"]
    assert (done.artifacts / outputs["report"] / facts["run"] / "report" / "index.html").is_file()

    plan = records["plan"]["outputs"]
    assert (plan["base"], plan["guarded_changes"]) == (head(tmp_path / "project", "HEAD^"), [])
    (written,) = server.comments
    assert written["user"]["login"] == "github-actions[bot]"
    assert facts["run"] in written["body"]
    assert "| **closeness** |" in written["body"]
    assert BOT not in done.log
