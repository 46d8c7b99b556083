"""The example of the docs, executed: the whole pipeline in isolated jobs, and how it ends when something is wrong."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from mlops_ci import pipeline
from support.gitlab_ci import Pipeline
from support.project import CONFIG, EVALUATE, TRAIN

from .conftest import Site

JOBS = ("plan", "build", "scan", "prepare", "train", "evaluate", "publish", "promote", "result")
QUICK = CONFIG.replace("seconds = 3.0", "seconds = 0.1")
BROKEN = """\
import os
if os.path.exists({marker!r}):
    raise ValueError("the numbers cannot be learned")
"""
POOR = """
if os.path.exists({marker!r}):
    with open(os.path.join(os.environ["MLOPS_OUTPUT_DIR"], "metrics.json"), "w") as file:
        json.dump({{"closeness": 0.1}}, file)
"""


@dataclass(frozen=True)
class Green:
    """A pipeline that passed, and what can go wrong on its machine when a job is tried again."""

    done: Pipeline
    broken: Path
    poor: Path


@pytest.fixture(scope="module")
def green(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Green:
    """The whole pipeline."""
    folder = tmp_path_factory.mktemp("green")
    broken, poor = folder / "broken", folder / "poor"
    files = {
        "train.py": BROKEN.format(marker=str(broken)) + TRAIN,
        "evaluate.py": EVALUATE + POOR.format(marker=str(poor)),
    }
    return Green(done=site.run(folder, config=QUICK, files=files), broken=broken, poor=poor)


def codes(done: Pipeline) -> dict[str, int]:
    return {name.removeprefix("mlops-"): code for name, code in done.jobs.items()}


def statuses(done: Pipeline) -> dict[str, str]:
    return {name: record["status"] for name, record in done.records().items()}


def test_the_whole_pipeline_ends_green_with_all_records(green: Green) -> None:
    done = green.done
    assert done.exit_code == 0, done.output[-8000:]
    assert codes(done) == dict.fromkeys(JOBS, 0)
    records = done.records()
    assert statuses(done) == {**dict.fromkeys(pipeline.NAMES, "passed"), "promote": "skipped"}
    assert "no champion memory" in records["promote"]["reason"]
    assert {record["provider"] for record in records.values()} == {"gitlab"}
    assert len({record["run"] for record in records.values()}) == 1
    assert records["train"]["outputs"]["devices"] == ["cpu"]
    assert records["publish"]["outputs"]["model"] == {"name": "mean", "version": "1"}
    assert "comment: nothing this is no pull request" in done.log("mlops-result")


def test_every_job_hands_on_what_later_ones_and_those_of_users_need(green: Green) -> None:
    done, records = green.done, green.done.records()
    plan, result = done.outputs("mlops-plan"), done.outputs("mlops-result")
    assert plan["MLOPS_RESULT_RUN_ID"] == records["plan"]["run"]
    assert (plan["MLOPS_RESULT_TRUSTED"], result["MLOPS_RESULT_RESULT"]) == ("true", "passed")
    assert json.loads(result["MLOPS_RESULT_RESULT_JSON"])["metrics"] == records["evaluate"]["outputs"]["metrics"]
    for job in JOBS[:-1]:
        (folder,) = (done.artifacts(f"mlops-{job}") / ".mlops" / "handover").iterdir()
        assert folder.name.startswith(f"{job}-")


def test_the_reports_are_what_gitlab_reads(green: Green) -> None:
    done, records = green.done, green.done.records()
    folder = done.artifacts("mlops-result") / ".mlops" / "gitlab"
    cases = {case.get("name") for case in ET.parse(folder / "junit.xml").iter("testcase")}
    assert {name for name in records if name != "report"} < cases
    closeness = records["evaluate"]["outputs"]["metrics"]["closeness"]
    assert f'mlops_ci_metric{{name="closeness"}} {closeness!r}' in (folder / "metrics.txt").read_text()
    assert list(json.loads((folder / "annotations.json").read_text())) == ["mlops-ci"]
    assert json.loads((folder / "gl-code-quality.json").read_text()) == [], "nothing is wrong with this code"
    assert "<html" in (folder / "report.html").read_text()
    assert "promote" in (folder / "summary.md").read_text()
    assert len(list(folder.glob("gl-sbom-*.cdx.json"))) == len(records["build"]["outputs"]["sbom"]) > 0


def test_a_failing_script_ends_train_with_its_class(site: Site, green: Green, tmp_path: Path) -> None:
    green.broken.touch()
    done = site.try_again(green.done, "mlops-train", tmp_path)
    green.broken.unlink()
    assert codes(done) == {"train": 20, "result": 20}
    assert statuses(done) == {
        **dict.fromkeys(("plan", "build", "check", "scan", "prepare", "verify"), "passed"),
        "train": "failed",
        "promote": "skipped",
        "report": "passed",
    }
    assert done.outputs("mlops-result")["MLOPS_RESULT_EXIT_CODE"] == "20"
    failure = ET.parse(done.artifacts("mlops-result") / ".mlops" / "gitlab" / "junit.xml").find(".//failure")
    assert failure is not None
    assert "user-error (exit 20)" in failure.get("message", "")
    quality = done.artifacts("mlops-result") / ".mlops" / "gitlab" / "gl-code-quality.json"
    (issue,) = json.loads(quality.read_text())
    assert issue["location"] == {"path": "train.py", "lines": {"begin": 3}}
    assert issue["description"] == "ValueError: the numbers cannot be learned"


def test_a_missed_floor_ends_evaluate_and_nothing_is_published(site: Site, green: Green, tmp_path: Path) -> None:
    green.poor.touch()
    done = site.try_again(green.done, "mlops-evaluate", tmp_path)
    green.poor.unlink()
    assert codes(done) == {"evaluate": 1, "result": 1}
    assert done.records()["evaluate"]["error"]["class"] == "rejected"
    assert "publish" not in done.records()
    assert done.records()["promote"]["status"] == "skipped"


def test_an_unhealthy_node_ends_before_the_training_begins(site: Site, tmp_path: Path) -> None:
    with open("/proc/meminfo", encoding="ascii") as lines:
        total = int(re.search(r"MemTotal:\s+(\d+)", lines.read()).group(1)) * 1024
    taken = b"\1" * (total // 6)  # what the job asks for is there, and not free: another node would do
    done = site.run(tmp_path, config=QUICK.replace("gpus = 0", f"gpus = 0\nmemory = {total}"))
    assert len(taken) == total // 6
    assert codes(done)["train"] == codes(done)["result"] == 11
    assert done.records()["verify"]["error"]["class"] == "unhealthy"
    assert "train" not in done.records()
