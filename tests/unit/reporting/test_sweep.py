"""Trials of a sweep and a smoke run on summary, page and terminal."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mlops_ci.records.codec import to_json
from mlops_ci.records.record import ErrorInfo
from mlops_ci.records.smoke import SmokeCheck, SmokeOutputs
from mlops_ci.records.sweep import SweepOutputs, Trial
from mlops_ci.reporting import sweep
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.html import html
from mlops_ci.reporting.markdown import summary
from mlops_ci.reporting.terminal import page_text
from mlops_ci.reporting.verdict import verdict
from support.report_run import make_run

HOSTILE = "<script>x</script>|`y`"


def trial(number, value, status="finished", **more):
    params = {"lr": 10.0**-number, "kind": HOSTILE, "deep": True}
    return Trial(number=number, params=params, status=status, value=value, **more)


SWEEP = SweepOutputs(
    method="random",
    metric="val_loss",
    goal="min",
    trials=(
        trial(1, 0.5),
        trial(2, 0.2),
        trial(3, 0.9, "stopped", why="worse than the median"),
        trial(4, None, "failed", class_="user-error", why=HOSTILE),
    ),
    best=2,
    params={"lr": 0.01},
)


@pytest.fixture
def folder(tmp_path):
    return make_run(tmp_path, "promoted")


def swept(folder, found=SWEEP):
    path = folder / "records" / "train.json"
    record = json.loads(path.read_text())
    record["outputs"]["sweep"] = to_json(found)
    path.write_text(json.dumps(record))
    return ReportData.read(folder)


def test_trials_stand_by_rank_with_what_they_were_tried_with(folder):
    data = swept(folder)
    rows = sweep.rows(SWEEP)
    assert [row.trial.number for row in rows] == [2, 1, 3, 4]
    assert [row.best for row in rows] == [True, False, False, False]
    assert rows[0].params[0] == "0.01"
    page = html(data)
    assert "<script>" not in page
    assert "goes on" in page
    assert "worse than the median" in page
    assert "4 trials, 1 stopped, 1 failed; best 2 (lr 0.01" in page
    assert "**2**" in summary(data)
    assert "<script>" not in summary(data)
    assert "4 trials, 1 stopped, 1 failed; best 2" in page_text(data)


def test_what_can_be_drawn_is_drawn(folder):
    job = folder / "train" / "trials" / "1" / "job"
    job.mkdir(parents=True)
    (job / "metrics.jsonl").write_text("".join(f'{{"step": {n}, "val_loss": {1 / n}}}\n' for n in range(1, 5)))
    charts = {chart.title: chart for chart in sweep.charts(swept(folder))}
    assert list(charts) == ["val_loss by trial", "val_loss, the best trials", "val_loss over lr"]
    assert [line.name for line in charts["val_loss by trial"].lines] == ["trial", "best so far"]
    assert charts["val_loss by trial"].lines[1].points == ((1, 0.5), (2, 0.2))
    # The best one's curve lies where a single training leaves its own.
    assert [line.name for line in charts["val_loss, the best trials"].lines] == ["trial 2", "trial 1"]
    assert charts["val_loss over lr"].x_label == "log10 of lr"
    assert len(charts["val_loss over lr"].lines[0].points) == 3


def test_more_is_better_when_the_goal_says_so(folder):
    most = replace(SWEEP, goal="max", best=1)
    assert [row.trial.number for row in sweep.rows(most)] == [1, 2, 3, 4]
    assert sweep.charts(swept(folder, most))[0].lines[1].points == ((1, 0.5), (2, 0.5))


def test_a_run_without_a_sweep_says_nothing_of_one(folder):
    assert sweep.charts(ReportData.read(folder)) == ()
    assert 'id="sweep"' not in html(ReportData.read(folder))


def smoked(folder, *, failed, finished_at="2000-01-01T00:00:00Z"):
    """The run with a smoke run before its training, and without anything after a failed one."""
    path = folder / "records" / "train.json"
    record = json.loads(path.read_text())
    status = "FAIL" if failed else "PASS"
    outputs = SmokeOutputs(
        steps=20,
        losses=(1.0, None),
        checks=(SmokeCheck(id="loss", status=status, why=HOSTILE), SmokeCheck(id="gradients", status="SKIP", why="no")),
        seconds=3.0,
    )
    record |= {"stage": "smoke", "outputs": to_json(outputs), "finished_at": finished_at}
    if failed:
        error = ErrorInfo(class_="smoke-failed", cause="loss: it rose", hint="correct it")
        record |= {"status": "failed", "exit_code": 20, "reason": "loss: it rose", "error": to_json(error)}
    (folder / "records" / "smoke.json").write_text(json.dumps(record))
    return path


def test_a_smoke_run_stands_before_the_training(folder):
    smoked(folder, failed=False)
    data = ReportData.read(folder)
    assert "20 steps: loss PASS, gradients SKIP" in page_text(data)
    assert verdict(data).kind == "promoted"
    assert "<script>" not in html(data)
    assert 'id="smoke"' in html(data)
    assert "Smoke run" in summary(data)


def test_one_that_failed_is_the_runs_failure_until_a_training_has_passed_after_it(folder):
    train = smoked(folder, failed=True, finished_at="2999-01-01T00:00:00Z")
    assert verdict(ReportData.read(folder)).title == "smoke failed (exit 20, smoke-failed)"
    assert "✗ smoke" in page_text(ReportData.read(folder))
    smoked(folder, failed=True)
    assert verdict(ReportData.read(folder)).kind == "promoted"
    for name in ("train", "evaluate", "publish", "promote"):
        train.with_name(f"{name}.json").unlink()
    found = verdict(ReportData.read(folder))
    assert (found.kind, found.reason) == ("failed", "loss: it rose")
