"""The example of the docs, executed: a whole night in isolated jobs, with servers as a site has them, its canary and
the person who approves; and how a pipeline ends when something is wrong. Other tests run `train.yml` to its end.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from mlflow import MlflowClient

from mlops_ci import pipeline
from support.gitlab_ci import Pipeline
from support.project import EVALUATE, TRAIN, WITH_TORCH
from support.promoted_twice import promoted_again
from support.sick_node import sick_nodes
from support.web_server import Reply, WebServer, web_server

from .conftest import EXAMPLE, SCHEDULE, Site

SCHEMAS = Path(__file__).parents[2] / "support" / "schemas"
PREFIX = "mlops-nightly-"
HANDING_ON = ("plan", "build", "scan", "prepare", "train", "evaluate", "publish", "promote", "deploy", "canary")
JOBS = (*HANDING_ON, "approve", "result")
QUICK = WITH_TORCH.replace("seconds = 3.0", "seconds = 0.1")
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
SITE = """
[publish]
approval = true
store = "{store}"

[tracking]
uri = "{mlflow}"

[verify]
level = "static"

[deploy]
entry = "evaluate.py:load"

[notify]
webhook = "NOTIFY_WEBHOOK_URL"

[nightly]
canary = "next"

[mode.next.image]
layer = "torch"

[mode.next.train.params]
rate = 0.45
"""


@dataclass(frozen=True)
class Green:
    """A night that passed, what its servers know of it, and what can go wrong when a job is tried again."""

    done: Pipeline
    name: str
    mlflow: str
    broken: Path
    poor: Path
    store: Path
    hook: WebServer

    @property
    def told(self) -> list[dict[str, Any]]:
        """The events that the address that wants to know was told."""
        return [one.json for one in self.hook.requests]


@pytest.fixture(scope="module")
def green(site: Site, mlflow_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Green]:
    """The whole pipeline."""
    folder, name = tmp_path_factory.mktemp("green"), f"night-{secrets.token_hex(4)}"
    broken, poor = folder / "broken", folder / "poor"
    files = {
        "train.py": BROKEN.format(marker=str(broken)) + TRAIN,
        "evaluate.py": EVALUATE + POOR.format(marker=str(poor)),
    }
    config = QUICK.replace('name = "mean"', f'name = "{name}"')
    config += SITE.format(store=folder / "store", mlflow=mlflow_server)
    # The include of the nights is the last one.
    example = EXAMPLE.rstrip() + "\n      canary: true\n"
    words = ("--manual", f"{PREFIX}approve")
    with web_server(lambda _: Reply()) as hook:
        variables = {**SCHEDULE, "NOTIFY_WEBHOOK_URL": hook.url}
        done = site.run(folder, *words, config=config, files=files, variables=variables, example=example)
        yield Green(
            done=done, name=name, mlflow=mlflow_server, broken=broken, poor=poor, store=folder / "store", hook=hook
        )


def codes(done: Pipeline) -> dict[str, int]:
    return {name.removeprefix(PREFIX): code for name, code in done.jobs.items()}


def statuses(done: Pipeline) -> dict[str, str]:
    return {name: record["status"] for name, record in done.records().items()}


def valid(report: Path) -> Any:
    """A report that is as GitLab's schema says."""
    found = json.loads(report.read_text())
    name = report.stem.replace("gl-", "gitlab-").removesuffix("-report")
    jsonschema.validate(found, json.loads((SCHEMAS / f"{name}.json").read_text()))
    return found


def test_the_whole_pipeline_ends_green_with_all_records(green: Green) -> None:
    done = green.done
    assert done.exit_code == 0, done.output[-8000:]
    assert codes(done) == dict.fromkeys(JOBS, 0)
    records = done.records()
    # The last job has seen what promote itself left.
    assert statuses(done) == {
        **dict.fromkeys(pipeline.NAMES, "passed"),
        "promote": "waiting",
        "deploy": "skipped",
        "canary": "passed",
    }
    assert {record["provider"] for record in records.values()} == {"gitlab"}
    assert len({record["run"] for record in records.values()}) == 1
    assert records["train"]["outputs"]["devices"] == ["cpu"]
    assert records["publish"]["outputs"]["model"] == {"name": green.name, "version": "1"}


def test_the_canary_is_a_run_of_its_own_and_told_beside(green: Green) -> None:
    canary, night = green.done.records()["canary"], green.done.records()
    assert (canary["exit_code"], canary["outputs"]["overlay"]) == (0, "next")
    assert canary["outputs"]["cell"] != canary["run"]
    assert canary["outputs"]["content_key"] != night["build"]["outputs"]["images"]["train"]["content_key"]
    assert canary["outputs"]["night"] == night["evaluate"]["outputs"]["metrics"]
    assert canary["outputs"]["metrics"] != canary["outputs"]["night"]
    summary = (green.done.artifacts(f"{PREFIX}result") / ".mlops" / "gitlab" / "summary.md").read_text()
    assert canary["outputs"]["cell"] in summary
    known = MlflowClient(tracking_uri=green.mlflow).search_model_versions(f"name = '{green.name}'")
    assert len(known) == 1, "it is never published"


def test_a_person_approves_and_the_champion_moves(green: Green) -> None:
    champion = MlflowClient(tracking_uri=green.mlflow).get_model_version_by_alias(green.name, "champion")
    assert str(champion.version) == "1"
    page = green.done.artifacts(f"{PREFIX}approve") / ".mlops" / "gitlab" / "report.html"
    who = re.search(r"is now the champion, approved by ([^\s<]+)", page.read_text())
    assert who is not None
    assert {one["kind"] for one in green.told} >= {"approval", "promotion"}
    (promotion,) = (one for one in green.told if one["kind"] == "promotion")
    assert promotion["title"] == f"{green.name} version 1 is now the champion, approved by {who[1]}"
    told = green.done.outputs(f"{PREFIX}approve")
    assert (told["MLOPS_RESULT_PROMOTED"], told["MLOPS_RESULT_WAITING"]) == ("true", "false")
    (folder,) = (green.done.state / "builds").glob(f"{PREFIX}approve/.mlops/runs/*/records")
    promote, deploy = (json.loads((folder / f"{name}.json").read_text()) for name in ("promote", "deploy"))
    assert (promote["status"], promote["outputs"]["approved_by"]) == ("passed", who[1]), "what is deployed is approved"
    assert (deploy["status"], "builds no images" in deploy["reason"]) == ("skipped", True), "after it, in the same job"


def test_a_person_rolls_back_from_the_version_that_is_named(site: Site, green: Green, tmp_path: Path) -> None:
    registry = promoted_again(green.mlflow, green.name)
    config = QUICK.replace('name = "mean"', f'name = "{green.name}"')
    config += SITE.format(store=green.store, mlflow=green.mlflow)
    include = "include:\n  - project: org/mlops-ci\n    ref: v1\n    file: ci/gitlab/rollback.yml\n"
    example = f'{include}    inputs:\n      runner-cpu: [docker]\n      expected: "%s"\n'
    by_hand = {"CI_PIPELINE_SOURCE": "web"}
    name = "mlops-rollback-rollback"
    for expected, code, champion in (("1", 4, "2"), ("2", 0, "1")):
        done = site.run(tmp_path / expected, name, config=config, variables=by_hand, example=example % expected)
        assert done.jobs == {name: code}, done.output[-8000:]
        assert str(registry.get_model_version_by_alias(green.name, "champion").version) == champion
    found = done.outputs(name)
    assert (found["MLOPS_RESULT_CHAMPION"], found["MLOPS_RESULT_MOVED"]) == ("1", "true")


def test_every_job_hands_on_what_later_ones_and_those_of_users_need(green: Green) -> None:
    done, records = green.done, green.done.records()
    plan, result = done.outputs(f"{PREFIX}plan"), done.outputs(f"{PREFIX}result")
    assert plan["MLOPS_RESULT_RUN_ID"] == records["plan"]["run"]
    assert (plan["MLOPS_RESULT_TRUSTED"], result["MLOPS_RESULT_RESULT"]) == ("true", "passed")
    facts = json.loads(result["MLOPS_RESULT_RESULT_JSON"])
    assert facts["metrics"] == records["evaluate"]["outputs"]["metrics"]
    assert (facts["canary"]["status"], facts["canary"]["cell"]) == ("passed", records["canary"]["outputs"]["cell"])
    for job in HANDING_ON:
        (folder,) = (done.artifacts(f"{PREFIX}{job}") / ".mlops" / "handover").iterdir()
        assert folder.name.startswith(f"{job}-")


def test_the_reports_are_what_gitlab_reads(green: Green) -> None:
    done, records = green.done, green.done.records()
    folder = done.artifacts(f"{PREFIX}result") / ".mlops" / "gitlab"
    cases = {case.get("name") for case in ET.parse(folder / "junit.xml").iter("testcase")}
    assert {name for name in records if name not in ("report", "canary")} < cases
    closeness = records["evaluate"]["outputs"]["metrics"]["closeness"]
    assert f'mlops_ci_metric{{name="closeness"}} {closeness!r}' in (folder / "metrics.txt").read_text()
    assert list(json.loads((folder / "annotations.json").read_text())) == ["mlops-ci"]
    assert valid(folder / "gl-code-quality.json") == [], "nothing is wrong with this code"
    assert valid(folder / "gl-container-scanning-report.json")["scan"]["type"] == "container_scanning"
    assert "<html" in (folder / "report.html").read_text()
    assert "promote" in (folder / "summary.md").read_text()
    assert len(list(folder.glob("gl-sbom-*.cdx.json"))) == len(records["build"]["outputs"]["sbom"]) > 0


def test_a_failing_script_ends_train_with_its_class(site: Site, green: Green, tmp_path: Path) -> None:
    green.broken.touch()
    done = site.try_again(green.done, f"{PREFIX}train", tmp_path, SCHEDULE)
    green.broken.unlink()
    assert codes(done) == {"train": 20, "result": 20}
    assert statuses(done) == {
        **dict.fromkeys(("plan", "build", "check", "scan", "prepare", "verify"), "passed"),
        "train": "failed",
        "deploy": "skipped",
        "canary": "skipped",
        "report": "passed",
    }
    assert done.outputs(f"{PREFIX}result")["MLOPS_RESULT_EXIT_CODE"] == "20"
    reports = done.artifacts(f"{PREFIX}result") / ".mlops" / "gitlab"
    failure = ET.parse(reports / "junit.xml").find(".//failure")
    assert failure is not None
    assert "user-error (exit 20)" in failure.get("message", "")
    (issue,) = valid(reports / "gl-code-quality.json")
    assert issue["location"] == {"path": "train.py", "lines": {"begin": 3}}
    assert issue["description"] == "ValueError: the numbers cannot be learned"


def test_a_missed_floor_ends_evaluate_and_nothing_is_published(site: Site, green: Green, tmp_path: Path) -> None:
    green.poor.touch()
    done = site.try_again(green.done, f"{PREFIX}evaluate", tmp_path, SCHEDULE)
    green.poor.unlink()
    assert codes(done) == {"evaluate": 1, "result": 1}
    assert done.records()["evaluate"]["error"]["class"] == "rejected"
    assert not {"publish", "promote"} & set(done.records())


def test_a_sick_node_ends_before_the_training_begins(site: Site, green: Green, tmp_path: Path) -> None:
    with sick_nodes(tmp_path):
        done = site.try_again(green.done, f"{PREFIX}train", tmp_path, SCHEDULE)
    assert codes(done) == {"train": 11, "result": 11}
    error = done.records()["verify"]["error"]
    assert error["class"] == "unhealthy"
    assert "crashed with SIGSEGV" in error["cause"]
    assert "train" not in done.records()
