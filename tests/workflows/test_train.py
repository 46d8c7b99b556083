"""The example that the docs show, executed for a pull request where nothing outside can be reached: a GitHub Enterprise
Server, machines of one's own, no registry. Jobs share nothing but what they hand on.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci import pipeline
from mlops_ci.orchestrators.github.profile import load_profile
from support import act
from support.forge import BOT, NUMBER, Forge, forge
from support.project import head

SITE = 'extends = "enterprise"\nimages = "one-job"\n'
# The labels that this profile names, and no hosted machine.
LABELS = ("self-hosted", "linux", "gpu")
# That server does not say where a called file comes from: the profile does.
UNSAID = {"MLOPS_CI_BUNDLE_REPOSITORY": "", "MLOPS_CI_BUNDLE_REF": ""}
IN_THE_GPU_JOB = ("build", "check", "scan", "prepare", "verify", "train", "evaluate")
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


@pytest.fixture
def profile(tmp_path: Path) -> str:
    """The site's own."""
    path = tmp_path / "site.toml"
    path.write_text(SITE)
    return str(path)


def test_the_whole_pipeline_ends_green_with_all_records(run, machine, server: Forge, profile: str, tmp_path: Path):
    done = run(
        bundle=act.make_bundle(tmp_path / "bundles" / act.BUNDLE, profile=profile),
        profile=load_profile(profile),
        labels=LABELS,
        variables=UNSAID,
        event="pull_request",
        payload=OWN,
        environment=machine,
        secrets={"GITHUB_TOKEN": BOT},
    )
    assert done.exit_code == 0, done.log[-8000:]
    assert done.result == "success"
    assert done.jobs == dict.fromkeys(("plan", "train", "result"), 1)
    assert packed(done, "train") == IN_THE_GPU_JOB
    records = done.records()
    assert set(records) == set(pipeline.NAMES)
    statuses = {name: one["status"] for name, one in records.items()}
    left_out = dict.fromkeys(("publish", "promote", "deploy"), "skipped")
    assert statuses == {**dict.fromkeys(pipeline.NAMES, "passed"), **left_out}
    assert records["deploy"]["reason"] == "no [deploy] entry", "nobody is asked to approve what is not there"
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


def packed(done: act.Acted, job: str) -> tuple[str, ...]:
    """The stages that a job handed on."""
    (path,) = done.artifacts.glob(f"*-{job}-1/*/handover.json")
    return tuple(json.loads(path.read_text())["stages"])
