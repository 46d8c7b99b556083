"""The example of a fleet, executed: a pipeline per machine, started by a schedule, with one sick node among two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.gitlab_ci import ROOT, Pipeline, make_consumer, planned, run_pipeline
from support.sick_node import MODEST, PLAIN, sick_nodes

from .conftest import Site

FLEET = (ROOT / "examples" / "gitlab" / "fleet.gitlab-ci.yml").read_text()
LABELS = ("gpu-01", "gpu-02")
JOBS = ("plan", "build", "scan", "prepare", "train", "result")
HERE = FLEET.replace("      settings:", "      engine: host\n      settings:")
SCHEDULE = {"CI_PIPELINE_SOURCE": "schedule", "MLOPS_SCHEDULE": "fleet"}


def test_a_fleet_of_which_one_node_is_sick(site: Site, tmp_path: Path) -> None:
    consumer = make_consumer(tmp_path / "fleet", HERE, config=MODEST)
    with sick_nodes(tmp_path, lambda place: "/gpu-02-train/" in f"{place}/"):
        done = run_pipeline(consumer, site.bundle, variables=SCHEDULE, machine={**site.machine, **PLAIN})
    assert done.exit_code != 0
    healthy = {f"gpu-01-{name}": 0 for name in JOBS}
    sick = {f"gpu-02-{name}": 11 if name in ("train", "result") else 0 for name in JOBS}
    assert done.jobs == healthy | sick, done.output[-8000:]
    good, bad = (told(done, label) for label in LABELS)
    assert (good["node"], good["exit_code"]) == ("cpu-only", 0)
    assert (bad["node"], bad["exit_code"], bad["worth_a_retry"]) == ("unhealthy", 11, True)
    assert "crashed with SIGSEGV" in bad["reason"]


def test_another_schedule_of_that_project_looks_at_no_node(gitlab_bundle: Path, tmp_path: Path) -> None:
    consumer = make_consumer(tmp_path / "fleet", FLEET)
    assert planned(consumer, gitlab_bundle, {"CI_PIPELINE_SOURCE": "schedule"}) == {}


def told(done: Pipeline, label: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.outputs(f"{label}-result")["MLOPS_RESULT_RESULT_JSON"])
    return found
