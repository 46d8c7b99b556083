"""A night whose training fails, and the attempts after it: cancelled, without an artifact, on a sick node, and
a good one, which another file then publishes, and promotes when a person has approved.

On the host engine, with MLflow and a store that outlive the machines. One run of the jobs before the training serves
all, as on a server, where the failed jobs are run again and no others.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from mlops_ci import pipeline
from support import act
from support.act_again import without_what_passed
from support.cli import call
from support.leftovers import of_project
from support.oci_server import OciServer
from support.project import TRAIN, WITH_TORCH, make_project
from support.sick_node import sick_nodes
from support.web_server import Reply, WebServer, web_server

FILE = "nightly"
PASSED = ("plan", "build", "scan", "prepare")
# It gives the CI system orders. And what is wrong with the machine, not with the code: the file is not part of the
# repository.
BREAKS = """\
import os
print("::add-mask::harmless", "::error::is it obeyed?", "a harmless word", sep="\\n", flush=True)
if os.path.exists({marker!r}):
    raise ValueError("no such thing")
"""
ADDRESS = "address-of-the-house"
# A canary that has the next version of nothing, but another rate: other tests give theirs another image.
NIGHTLY = """
[notify]
webhook = "NOTIFY_WEBHOOK_URL"

[nightly]
canary = "next"

[mode.next.train]
params = {rate = 0.45, seconds = 0.1}
"""
DRY = "      dry-run: true\n"
REVIEWERS = "reviewers"
APPROVAL = f"      approve-environment: {REVIEWERS}\n"
SECRET = """\
    secrets:
      notify-webhook-url: ${{ secrets.HOOK }}
"""


@dataclass(frozen=True)
class Attempts:
    """The workflow runs of one commit, whose artifacts stay."""

    folder: Path
    program: Path
    consumer: Path
    bundle: Path
    machine: dict[str, str]
    mlflow: str
    name: str
    hook: WebServer

    @property
    def told(self) -> list[str]:
        """The kinds of events that the address that wants to know was told."""
        return [one.json["kind"] for one in self.hook.requests]

    @property
    def broken(self) -> Path:
        """While this is there, the training fails."""
        return self.folder / "broken"

    def run(self, attempt: int, **options: Any) -> act.Acted:
        return act.act(
            self.program,
            self.consumer,
            self.bundle if attempt == 1 else self._next(attempt),
            self.folder / "act",
            environment=self.machine,
            variables={"MLOPS_CI_ENGINE": "host"},
            event="schedule",
            secrets={"HOOK": f"{self.hook.url}/services/{ADDRESS}"},
            attempt=attempt,
            **options,
        )

    def _next(self, attempt: int) -> Path:
        return without_what_passed(
            self.bundle, FILE, self.folder / f"attempt-{attempt}", PASSED, self.folder / "act" / "artifacts"
        )


@pytest.fixture(scope="module")
def attempts(
    tmp_path_factory: pytest.TempPathFactory,
    program: Path,
    bundle: Path,
    shared_cache: Path,
    database: OciServer,
    mlflow_server: str,
) -> Iterator[Attempts]:
    folder, name = tmp_path_factory.mktemp("attempts"), f"attempts-{secrets.token_hex(4)}"
    files = {"train.py": BREAKS.format(marker=str(folder / "broken")) + TRAIN}
    config = WITH_TORCH.replace('name = "mean"', f'name = "{name}"') + NIGHTLY
    project = make_project(folder / "project", config=config, files=files)
    workflow = act.going_on(FILE, "publish", more=DRY, last=APPROVAL, both=SECRET)
    consumer = act.make_consumer(project, workflow + act.AFTER)
    machine = {
        "MLOPS_CI_CACHE": str(shared_cache),
        "MLOPS_CI_MIRRORS__TRIVY_DB": database.trivy_repository,
        "MLOPS_CI_TRACKING__URI": mlflow_server,
        "MLOPS_CI_PUBLISH__STORE": str(folder / "store"),
        "MLOPS_CI_PUBLISH__APPROVAL": "true",
    }
    with web_server(lambda _: Reply()) as hook:
        yield Attempts(
            folder=folder,
            program=program,
            consumer=consumer,
            bundle=bundle,
            machine=machine,
            mlflow=mlflow_server,
            name=name,
            hook=hook,
        )


@pytest.fixture(scope="module")
def first(attempts: Attempts) -> act.Acted:
    """The attempt that runs all jobs, up to the training."""
    attempts.broken.touch()
    done = attempts.run(1)
    attempts.broken.unlink()
    return done


def test_a_training_that_fails_stops_what_comes_after_it(attempts, first):
    assert first.exit_code != 0
    facts = first.facts(FILE)
    assert (facts["result"], facts["exit_code"], facts["worth_a_retry"]) == ("failed", 20, False)
    assert facts["jobs"]["train"] == "failed"
    assert facts["jobs"]["evaluate"] == "did not run"
    assert {facts["jobs"][name] for name in ("publish", "promote")} == {"left out"}
    records = first.records()
    assert records["train"]["error"]["class"] == "user-error"
    assert "no such thing" in records["train"]["error"]["cause"]
    assert "evaluate" not in records
    assert {records[name]["status"] for name in ("publish", "promote")} == {"skipped"}
    assert not {"evaluate", "publish", "promote"} & set(first.jobs)
    message = attempts.hook.requests[0].json
    assert (message["kind"], message["facts"]["stage"]) == ("failure", "train")
    assert "no such thing" in message["reason"]
    assert ADDRESS not in first.log
    assert ("is it obeyed?" in first.log, "❗  ::error::is it obeyed?" in first.log) == (True, False)
    assert "a harmless word" in first.log, "a script's orders to the CI system are only text"


def note_the_cancellation(attempts: Attempts) -> None:
    """The steps that GitHub gives a cancelled job time for, on the machine as the training left it."""
    machine = attempts.folder / "machine"
    subprocess.run(["git", "clone", "-q", str(attempts.consumer), str(machine)], check=True)
    shutil.copytree(attempts.folder / "act" / "interrupted", machine / ".mlops" / "runs")
    (run,) = (machine / ".mlops" / "runs").iterdir()
    around = {
        **attempts.machine,
        "MLOPS_CI_PROVIDER": "github",
        "GITHUB_EVENT_NAME": "schedule",
        "GITHUB_RUN_ATTEMPT": "2",
        "MLOPS_CI_ENGINE": "host",
        "MLOPS_CI_MODE": "nightly",
        "MLOPS_CI_RUN": run.name,
    }
    artifacts = attempts.folder / "act" / "artifacts"
    for words in (["cancelled"], ["pack", str(artifacts / "mlops-nightly-train-2")]):
        done = call(machine, "handover", *words, "--job", "train", "--file", FILE, environment=around)
        assert done.exit_code == 0, done.said
    assert call(machine, "handover", "collect", str(artifacts), "--file", FILE, environment=around).exit_code == 0
    ended = call(machine, "result", "--file", FILE, "--json", environment=around)
    assert json.loads(ended.stdout)["jobs"]["train"] == "was cancelled"


def test_a_cancelled_training_leaves_nothing_running_and_a_record_that_says_so(attempts, first):
    done = attempts.run(2, interrupt_at="epoch 2 ")
    assert done.exit_code != 0
    assert "epoch 6 " not in done.log
    deadline = time.monotonic() + 20
    while of_project(attempts.folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert of_project(attempts.folder) == []
    assert done.jobs == first.jobs, "act gives a cancelled job no time to hand anything on"
    assert done.records()["train"]["attempt"] == 1
    note_the_cancellation(attempts)
    train = done.records()["train"]
    assert (train["attempt"], train["status"], train["reason"], train["exit_code"]) == (2, "failed", "cancelled", 143)
    assert done.jobs["train"] == 2


def test_an_artifact_that_is_gone_is_named_by_the_job_that_needs_it(attempts, first, tmp_path):
    (scan,) = first.artifacts.glob("*-scan-1")
    shutil.move(scan, tmp_path)
    done = attempts.run(3)
    shutil.move(tmp_path / scan.name, scan)
    assert done.exit_code != 0
    assert "verify needs scan, which has left no record" in done.log
    assert "Run the pipeline again as a whole when it has expired" in done.log
    facts = done.facts(FILE, attempt=3)
    assert (facts["exit_code"], facts["worth_a_retry"]) == (2, False)
    assert (facts["jobs"]["scan"], facts["jobs"]["train"]) == ("was lost", "failed")


def test_a_sick_node_ends_before_the_training_begins(attempts, first, tmp_path):
    """As on another machine than that of the attempts before: of one's own node what was found a moment ago counts."""
    there = {path: tmp_path / path.name for path in first.artifacts.glob("*-train-*")}
    for path, aside in there.items():
        shutil.move(path, aside)
    with sick_nodes(attempts.folder):
        done = attempts.run(4)
    records, facts = done.records(), done.facts(FILE, attempt=4)
    shutil.rmtree(next(first.artifacts.glob("*-train-4")))
    for path, aside in there.items():
        shutil.move(aside, path)
    assert done.exit_code != 0
    assert (facts["exit_code"], facts["worth_a_retry"], facts["node"]) == (11, True, "unhealthy"), done.log[-6000:]
    assert (facts["jobs"]["train"], facts["jobs"]["evaluate"]) == ("failed", "did not run")
    assert records["verify"]["error"]["class"] == "unhealthy"
    assert "crashed with SIGSEGV" in records["verify"]["error"]["cause"]
    assert not {"train", "evaluate"} & set(records)
    assert "another node may succeed" in done.log


def test_the_next_attempt_goes_on_and_its_records_count(attempts, first):
    done = attempts.run(5)
    assert done.exit_code == 0, done.log[-8000:]
    assert done.result == "success"
    records = done.records()
    canary = records.pop("canary")
    assert {name: one["status"] for name, one in records.items()} == {
        **dict.fromkeys(pipeline.NAMES, "passed"),
        "deploy": "skipped",
    }
    later = ("train", "evaluate", "canary", "plan", "publish", "promote", "approve", "result")
    assert done.jobs == {**dict.fromkeys(PASSED, 1), **dict.fromkeys(later, 5)}, "both files have a plan"
    run = first.facts(FILE)["run"]
    assert {one["run"] for one in records.values()} == {run}
    assert (records["plan"]["attempt"], records["train"]["attempt"]) == (2, 3)
    assert records["train"]["outputs"]["attempts"][0]["resumed_from"] >= 1, "from where it was cancelled"
    assert (done.outputs["run-id"], done.outputs["model-version"], done.outputs["promoted"]) == (run, "1", "true")
    night = done.facts(FILE, attempt=5)
    assert (night["ci_attempt"], night["result"], night["model"]) == ("5", "passed", None)
    assert (night["jobs"]["publish"], night["jobs"]["promote"]) == ("left out", "left out")

    a_person_let_it_through(attempts, done, records)

    client = MlflowClient(tracking_uri=attempts.mlflow)
    experiment = client.get_experiment_by_name(attempts.name)
    tracked = client.search_runs([experiment.experiment_id], filter_string=f"tags.`mlops.run` = '{run}'")
    assert [one.info.status for one in tracked] == ["FINISHED"], "what three attempts told MLflow is one run"
    assert len(client.search_model_versions(f"name = '{attempts.name}'")) == 1
    beside_it_ran_a_canary(done, canary, records)


def a_person_let_it_through(attempts: Attempts, done: act.Acted, records: dict[str, dict[str, Any]]) -> None:
    """What later jobs put together, from artifacts, is the run as it is after the approval; people are told."""
    promote = records["promote"]
    assert (promote["outputs"]["to"], promote["outputs"]["approved_by"]) == ("1", REVIEWERS)
    (approval,) = (done.folder / "collected").glob("runs/*/approval.json")
    assert json.loads(approval.read_text())["approved_by"] == REVIEWERS
    # act counts the jobs after the approval: `result` finds the promotion told.
    assert (attempts.told[0], set(attempts.told[-2:])) == ("failure", {"recovery", "promotion"})
    assert attempts.told.count("promotion") == 1
    (promotion,) = (one.json for one in attempts.hook.requests if one.json["kind"] == "promotion")
    assert promotion["title"] == f"{attempts.name} version 1 is now the champion, approved by {REVIEWERS}"
    (page,) = done.artifacts.glob("report-*-publish-approve-5/*/report/index.html")
    assert f"approved by {REVIEWERS}" in page.read_text()


def beside_it_ran_a_canary(done: act.Acted, canary: dict[str, Any], night: dict[str, dict[str, Any]]) -> None:
    """A run of its own with its own page; the night tells of it. (One model version: the canary has none.)"""
    assert (canary["status"], canary["exit_code"], canary["run"]) == ("passed", 0, night["plan"]["run"])
    cell = canary["outputs"]["cell"]
    assert cell != canary["run"]
    assert canary["outputs"]["night"] == night["evaluate"]["outputs"]["metrics"]
    assert canary["outputs"]["metrics"] != canary["outputs"]["night"]
    told = done.facts(FILE, attempt=5)["canary"]
    assert (told["overlay"], told["status"], told["cell"]) == ("next", "passed", cell)
    (page,) = done.artifacts.glob("report-*-nightly-5/**/index.html")
    assert cell in page.read_text()
    assert list(done.artifacts.glob(f"report-*-canary-5/{cell}/report/index.html")), "its own page"
