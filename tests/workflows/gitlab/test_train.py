"""The example of the docs, executed: the whole pipeline in isolated jobs, and how it ends when something is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from xml.etree import ElementTree as ET

from mlops_ci import pipeline
from support.gitlab_ci import Pipeline
from support.project import CONFIG

Run = Callable[..., Pipeline]
JOBS = ("plan", "build", "scan", "prepare", "train", "evaluate", "publish", "promote", "result")
QUICK = CONFIG.replace("seconds = 3.0", "seconds = 0.1")


def codes(done: Pipeline) -> dict[str, int]:
    return {name.removeprefix("mlops-"): code for name, code in done.jobs.items()}


def statuses(done: Pipeline) -> dict[str, str]:
    return {name: record["status"] for name, record in done.records().items()}


def test_the_whole_pipeline_ends_green_with_all_records_and_reports(run: Run) -> None:
    done = run(config=QUICK)
    assert done.exit_code == 0, done.output[-8000:]
    assert codes(done) == dict.fromkeys(JOBS, 0)
    records = done.records()
    assert statuses(done) == {**dict.fromkeys(pipeline.NAMES, "passed"), "promote": "skipped"}
    assert "no champion memory" in records["promote"]["reason"]
    assert {record["provider"] for record in records.values()} == {"gitlab"}
    assert len({record["run"] for record in records.values()}) == 1
    assert records["train"]["outputs"]["devices"] == ["cpu"]
    assert records["publish"]["outputs"]["model"] == {"name": "mean", "version": "1"}
    assert_handed_on(done, records)
    assert_reports(done, records)


def assert_handed_on(done: Pipeline, records: dict) -> None:
    plan, result = done.outputs("mlops-plan"), done.outputs("mlops-result")
    assert plan["MLOPS_RESULT_RUN_ID"] == records["plan"]["run"]
    assert (plan["MLOPS_RESULT_TRUSTED"], result["MLOPS_RESULT_RESULT"]) == ("true", "passed")
    assert json.loads(result["MLOPS_RESULT_RESULT_JSON"])["metrics"] == records["evaluate"]["outputs"]["metrics"]
    for job in JOBS[:-1]:
        (folder,) = (done.artifacts(f"mlops-{job}") / ".mlops" / "handover").iterdir()
        assert folder.name.startswith(f"{job}-")


def assert_reports(done: Pipeline, records: dict) -> None:
    folder = done.artifacts("mlops-result") / ".mlops" / "gitlab"
    cases = {case.get("name") for case in ET.parse(folder / "junit.xml").iter("testcase")}
    assert {name for name in records if name != "report"} < cases
    closeness = records["evaluate"]["outputs"]["metrics"]["closeness"]
    assert f'mlops_ci_metric{{name="closeness"}} {closeness!r}' in (folder / "metrics.txt").read_text()
    assert list(json.loads((folder / "annotations.json").read_text())) == ["mlops-ci"]
    assert "<html" in (folder / "report.html").read_text()
    assert "promote" in (folder / "summary.md").read_text()
    for path in folder.glob("gl-sbom-*.cdx.json"):
        sbom = json.loads(path.read_text())
        # What GitLab reads: docs.gitlab.com, "artifacts:reports:cyclonedx".
        assert (sbom["bomFormat"], sbom["specVersion"] in {"1.4", "1.5", "1.6"}) == ("CycloneDX", True)
    assert list(folder.glob("gl-sbom-*.cdx.json"))


def test_a_failing_script_ends_train_with_its_class_and_nothing_is_evaluated(run: Run) -> None:
    done = run(config=QUICK, files={"train.py": "import sys\nsys.exit('the disk of my mind is full')\n"})
    assert done.exit_code == 1
    assert codes(done) == {"plan": 0, "build": 0, "scan": 0, "prepare": 0, "train": 20, "result": 20}
    assert statuses(done) == {
        **dict.fromkeys(("plan", "build", "check", "scan", "prepare", "verify"), "passed"),
        "train": "failed",
        "report": "passed",
    }
    assert done.outputs("mlops-result")["MLOPS_RESULT_EXIT_CODE"] == "20"
    failure = ET.parse(done.artifacts("mlops-result") / ".mlops" / "gitlab" / "junit.xml").find(".//failure")
    assert failure is not None
    assert "user-error (exit 20)" in failure.get("message", "")


def test_a_missed_floor_ends_evaluate_and_nothing_is_published(run: Run) -> None:
    done = run(config=QUICK.replace("floor = 0.9", "floor = 1.1"))
    assert codes(done)["evaluate"] == codes(done)["result"] == 1
    assert "publish" not in codes(done)
    assert done.records()["evaluate"]["error"]["class"] == "rejected"


def test_an_unhealthy_node_ends_before_the_training_begins(run: Run) -> None:
    with open("/proc/meminfo", encoding="ascii") as lines:
        total = int(re.search(r"MemTotal:\s+(\d+)", lines.read()).group(1)) * 1024
    taken = b"\1" * (total // 6)  # what the job asks for is there, and not free: another node would do
    done = run(config=QUICK.replace("gpus = 0", f"gpus = 0\nmemory = {total}"))
    assert len(taken) == total // 6
    assert codes(done)["train"] == codes(done)["result"] == 11
    assert done.records()["verify"]["error"]["class"] == "unhealthy"
    assert "train" not in done.records()
