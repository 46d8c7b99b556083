"""What a night is told of its canary, however that ended, and that its time is bounded."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from mlops_ci.errors import InfrastructureError
from mlops_ci.records.codec import from_json, to_json
from mlops_ci.records.record import ErrorInfo
from mlops_ci.redaction import Redactor
from mlops_ci.reporting.canary import canary_line
from mlops_ci.reporting.data import ReportData
from mlops_ci.run.clock import now
from mlops_ci.run.run import RunInfo, create, open_run, unfinished
from mlops_ci.settings.image import ImageSettings
from mlops_ci.settings.settings import Settings, Tables
from mlops_ci.settings.train import TrainSettings
from mlops_ci.settings.units import Duration
from mlops_ci.stages.canary import planned, time_limit
from mlops_ci.stages.canary_record import Ended, changes, note, note_lost
from support.run_folder import a_record, make_run

CHAMPION = {"name": "m", "version": "3", "metrics": {"accuracy": 0.9}, "data_digest": None}


def evaluation(accuracy, verdict="keep"):
    return {
        "verdict": verdict,
        "champion": CHAMPION,
        "gates": [{"id": "floor.accuracy", "verdict": "pass"}],
        "metrics": {"accuracy": accuracy, "loss": 0.5},
        "why": "no better than version 3",
    }


@pytest.fixture
def night(tmp_path):
    run = make_run(tmp_path)
    run.write(a_record(run, "plan", outputs={"canary": "next"}))
    run.write(a_record(run, "evaluate", outputs=evaluation(0.92)))
    return run


@pytest.fixture
def cell(tmp_path, night):
    info = replace(night.info, run="20260102-040000-abcdef", mode="nightly+next", beside=night.id)
    return create(tmp_path / "runs", info)


def ended(cell=None, **more):
    return Ended(overlay="next", started=now(), seconds=12.5, cell=cell, limit=Duration.parse("2h"), **more)


def test_a_canary_that_passed_is_told_beside_the_night_and_the_champion(night, cell):
    cell.write(a_record(cell, "evaluate", outputs=evaluation(0.95, "promote")))
    record = note(night, ended(cell), Redactor())
    out = record.outputs
    assert (record.status, record.exit_code, record.seconds) == ("passed", 0, 12.5)
    assert (out["verdict"], out["metrics"]["accuracy"], out["night"]["accuracy"]) == ("promote", 0.95, 0.92)
    assert out["champion"]["version"] == "3"
    assert night.record("canary") == from_json(type(record), to_json(record))
    assert "canary" not in night.records(), "it is no stage of the night"
    assert canary_line(ReportData.read(night.folder)) == "[mode.next] promote: accuracy 0.95 (+0.03 to the night's)"


def test_of_several_failures_the_one_that_stopped_it_is_told(night, cell):
    findings = ErrorInfo(class_="findings", cause="3 fixable HIGH")
    crashed = ErrorInfo(class_="user-code", cause="exit code 1", hint="see the log")
    cell.write(a_record(cell, "scan", status="failed", exit_code=1, reason="3 fixable HIGH", error=findings))
    assert note(night, ended(cell), Redactor()).outputs["stage"] == "scan"
    cell.write(a_record(cell, "train", status="failed", exit_code=20, reason="exit code 1", error=crashed))
    record = note(night, ended(cell), Redactor())
    assert (record.exit_code, record.outputs["stage"], record.error) == (20, "train", crashed)
    assert record.attempt == 2
    line = canary_line(ReportData.read(night.folder))
    assert line == "[mode.next] failed in train (user-code, exit 20): exit code 1"


def test_a_secret_in_what_it_said_reaches_no_record(night):
    redactor = Redactor()
    redactor.add("hunter2-hunter2")
    record = note(night, ended(problem=InfrastructureError("no answer for hunter2-hunter2")), redactor)
    assert (record.status, record.exit_code) == ("failed", 10)
    assert "hunter2" not in str(to_json(record))


def test_out_of_time_is_a_class_of_its_own_wherever_it_was_stopped(night, cell):
    terminated = ErrorInfo(class_="terminated-run", cause="terminated")
    cell.write(a_record(cell, "train", status="failed", exit_code=143, reason="cancelled", error=terminated))
    late = note(night, ended(cell, over=True), Redactor())
    assert (late.exit_code, late.error.class_) == (21, "canary-timeout")
    assert late.reason == "stopped in train: it took longer than [nightly] canary-timeout (2h)"
    asked = note(night, ended(cell), Redactor())
    assert (asked.exit_code, asked.reason) == (143, "cancelled")


def test_one_that_left_no_word_is_no_pass(night):
    lost = note_lost(night, "next", "its job was killed", failed=True)
    assert (lost.status, lost.exit_code, lost.error.class_) == ("failed", 10, "canary-lost")
    assert note_lost(night, "next", "not begun", failed=False).status == "skipped"


def test_plan_says_whether_there_is_one(night, cell):
    assert planned(night) == "next"
    assert planned(cell) is None


def test_the_newest_run_is_the_night_and_a_cell_is_gone_on_with_by_its_own_night_alone(tmp_path, night, cell):
    runs = tmp_path / "runs"
    assert open_run(runs, "latest").id == night.id
    assert unfinished(runs, "plan").id == night.id
    assert unfinished(runs, "plan", beside=night.id).id == cell.id
    assert unfinished(runs, "plan", beside="another") is None
    assert not cell.info.own
    assert from_json(RunInfo, to_json(cell.info)) == cell.info


def test_what_the_overlay_changes_is_named_as_it_is_written(tmp_path):
    def settings(torch, **params):
        tables = Tables(train=TrainSettings(command="c"), image=ImageSettings(torch=torch))
        effective = {"image": {"torch": torch, "layer": "train"}, "train": {"params": params}}
        return Settings(root=tmp_path, file=None, mode=None, tables=tables, effective=effective)

    found = changes(settings("2.13", rate=0.1), settings("2.14", rate=0.1, depth=2))
    assert [(one.key, one.before, one.after) for one in found] == [
        ("image.torch", '"2.13"', '"2.14"'),
        ("train.params.depth", "not set", "2"),
    ]


def test_the_time_is_bounded_and_over_afterwards():
    with time_limit(0.05) as limit, pytest.raises(SystemExit) as caught:
        time.sleep(5)
    assert caught.value.code == 143
    assert limit.over
    with time_limit(0.05) as limit:
        pass
    time.sleep(0.1)
    assert not limit.over
