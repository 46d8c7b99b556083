"""The weekly look at the champion and a rollback, by the examples as they stand: it holds on the data of its promotion,
is put back to the one before, and does not hold on other data.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from support import act
from support.cli import call
from support.oci_server import OciServer
from support.project import CONFIG, commit, make_project
from support.promoted_twice import promoted_again

EXAMPLE = act.ROOT / "examples" / "github" / "decay.yml"
ROLLBACK = EXAMPLE.with_name("rollback.yml")
Run = Callable[[str], act.Acted]


@pytest.fixture
def name() -> str:
    """A model that the MLflow server does not know yet."""
    return f"decay-{secrets.token_hex(4)}"


@pytest.fixture
def machine(tmp_path: Path, shared_cache: Path, database: OciServer, mlflow_server: str) -> dict[str, str]:
    """What outlives the machines of the jobs: the model's registry, and a store."""
    return {
        "MLOPS_CI_CACHE": str(shared_cache),
        "MLOPS_CI_MIRRORS__TRIVY_DB": database.trivy_repository,
        "MLOPS_CI_TRACKING__URI": mlflow_server,
        "MLOPS_CI_PUBLISH__STORE": str(tmp_path / "store"),
        "MLOPS_CI_TRAIN__PARAMS__SECONDS": "0.1",
    }


@pytest.fixture
def project(tmp_path: Path, name: str, machine: Mapping[str, str]) -> Path:
    """A repository whose model has a champion."""
    made = make_project(tmp_path / "project", config=CONFIG.replace('name = "mean"', f'name = "{name}"'))
    done = call(made, "run", environment={"MLOPS_CI_ENGINE": "host", **machine})
    assert done.exit_code == 0, done.said[-8000:]
    # When the champion holds, what a person would start is started too: both files as they stand.
    rollback = ROLLBACK.read_text().partition("jobs:\n")[2]
    rollback = rollback.replace("    permissions:\n", "    needs: [mlops]\n    permissions:\n", 1)
    rollback = rollback.replace("${{ inputs.expected }}", "'2'")
    return act.make_consumer(made, EXAMPLE.read_text().rstrip() + "\n" + rollback.rstrip() + "\n" + act.AFTER)


@pytest.fixture
def weekly(tmp_path: Path, project: Path, program: Path, bundle: Path, machine: Mapping[str, str]) -> Run:
    """One week's run."""

    def start(week: str) -> act.Acted:
        return act.act(
            program,
            project,
            bundle,
            tmp_path / week,
            event="schedule",
            environment=machine,
            variables={"MLOPS_CI_ENGINE": "host"},
        )

    return start


def stamp(store: Path, name: str) -> dict[str, Any]:
    """How the newest run of the schedule ended."""
    return json.loads((store / "nightly" / name / "weekly" / "ended.json").read_text())


def test_a_champion_that_holds_is_green_and_one_that_has_decayed_is_red_with_its_page(
    weekly: Run, project: Path, name: str, tmp_path: Path, mlflow_server: str
):
    store = tmp_path / "store"
    before = set((store / "models").rglob("*"))
    assert before
    registry = promoted_again(mlflow_server, name)
    good = weekly("good")
    assert good.exit_code == 0, good.log[-8000:]
    outputs = good.outputs
    assert (good.result, outputs["result"], outputs["exit-code"]) == ("success", "passed", "0")
    assert (stamp(store, name)["run"], stamp(store, name)["result"]) == (outputs["run-id"], "passed")
    (page,) = good.artifacts.glob(f"{outputs['report']}/**/index.html")
    assert "closeness of version 2 is not worse" in page.read_text()
    restored = registry.get_model_version_by_alias(name, "champion")
    assert (str(restored.version), restored.tags["mlops.restored_from"]) == ("1", "2")

    (project / "data" / "numbers.txt").write_text("100 200 300\n")
    commit(project, "data of another kind")
    bad = weekly("bad")
    assert bad.exit_code != 0
    assert "closeness of version 1 is worse" in bad.log
    ended = stamp(store, name)
    assert (ended["result"], ended["exit_code"]) == ("failed", 1)
    (page,) = bad.artifacts.glob("report-mlops-decay-1/**/index.html")
    assert "closeness of version 1 is worse" in page.read_text()
    assert set((store / "models").rglob("*")) == before, "nothing is published"
