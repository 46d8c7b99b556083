"""The trials of a sweep: which run beside each other, what ends one and what ends all."""

import threading
import time
from types import SimpleNamespace
from typing import ClassVar

import pytest

from mlops_ci.errors import InfrastructureError
from mlops_ci.records.sweep import Trial
from mlops_ci.settings.evaluate import EvaluateSettings
from mlops_ci.settings.sweep import SweepSettings
from mlops_ci.settings.train import TrainSettings
from mlops_ci.stages import sweep
from mlops_ci.training.sweep.search import Grid
from mlops_ci.training.sweep.space import space
from mlops_ci.training.sweep.state import Done, read, write

EARLY = "; a trial ends early by the median of the others"


class FakeTrial:
    """Runs until it is halted, or ends at once with the value of its parameter."""

    running = 0
    most = 0
    ended: ClassVar[list[int]] = []

    def __init__(self, session, state, folder, **_):
        self.state, self.folder, self.stopped = state, folder, ""
        self.halted = threading.Event()
        self.training = SimpleNamespace(halt=self.halted.set)
        self.values = SimpleNamespace(read=list)
        FakeTrial.running += 1
        FakeTrial.most = max(FakeTrial.most, FakeTrial.running)

    def stop(self, why):
        self.stopped = why
        self.halted.set()

    def run(self):
        try:
            value = self.state.params["x"]
            if value == "waits":
                self.halted.wait(30)
                raise RuntimeError("halted")
            if value == "lost":
                raise InfrastructureError("the engine died")
            time.sleep(0.01)
            status = "failed" if value == "fails" else "finished"
            trial = Trial(
                number=self.state.number,
                params=self.state.params,
                status=status,
                value=None if status == "failed" else value,
                why="as told",
            )
            state = type(self.state)(number=self.state.number, params=self.state.params, trial=trial, done=Done())
            (self.folder / "model").mkdir()
            write(self.folder, state)
            FakeTrial.ended.append(self.state.number)
            return state
        finally:
            FakeTrial.running -= 1


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "RunningTrial", FakeTrial)
    monkeypatch.setattr(sweep, "LOOK_EVERY", 0.01)
    FakeTrial.running, FakeTrial.most, FakeTrial.ended = 0, 0, []

    def make(*values, parallel=1, goal="min"):
        rule = SweepSettings(values={"x": values}, parallel=parallel, metric="loss", goal=goal)
        said = []
        tables = SimpleNamespace(sweep=rule, evaluate=EvaluateSettings(), train=TrainSettings(command="x"))
        session = SimpleNamespace(
            settings=SimpleNamespace(tables=tables), gpus=0, console=SimpleNamespace(say=said.append), environ={}
        )
        made = sweep._Sweep(session, None, None, None, tmp_path, Grid(space(rule)), "image")
        made.said = said
        return made

    return make


def test_as_many_run_at_a_time_as_asked_for_and_the_best_ones_files_stay(made, tmp_path):
    one = made(3.0, 1.0, 2.0, 1.0, parallel=2)
    one.run()
    assert FakeTrial.most == 2
    assert one.best().number == 2
    assert [path.parent.name for path in tmp_path.glob("*/model")] == ["2"]


def test_a_failed_trial_ends_none_of_the_others(made):
    one = made("fails", 2.0)
    one.run()
    assert one.best().number == 2
    assert [state.trial.status for state in one.ended] == ["failed", "finished"]


def test_what_has_ended_before_is_not_run_again(made, tmp_path):
    made(3.0, 1.0).run()
    FakeTrial.ended.clear()
    again = made(3.0, 1.0, 0.5)
    again.run()
    assert FakeTrial.ended == [3]
    assert again.best().number == 3
    assert any("trial 1 has ended before" in line for line in again.said)


def test_what_is_nobodys_own_failure_ends_the_sweep_and_halts_the_others_first(made, tmp_path):
    one = made("waits", "lost", 1.0, parallel=2)
    with pytest.raises(InfrastructureError):
        one.run()
    assert FakeTrial.running == 0
    assert one.under_way == {}
    # They are known with their parameters, and have not ended: the same command goes on with them.
    assert [read(tmp_path / number).trial for number in ("1", "2")] == [None, None]
    assert not (tmp_path / "3").exists()


def test_nothing_that_ended_well_is_no_best(made):
    one = made("fails")
    one.run()
    assert one.best() is None
    assert "trial 1 failed" in sweep._why(one.ended)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"values": {"x": (1, 2), "y": (1, 2, 3)}}, "grid, 6 trials over x, y, 1 at a time, the best by loss (min)"),
        ({"values": {"x": (1, 2)}, "trials": 1}, "grid, 1 trials over x, 1 at a time, the best by loss (min)"),
        (
            {"method": "random", "ranges": {"x": "1 to 5"}, "trials": 7, "parallel": 3, "stop": "median"},
            f"random, 7 trials over x, 3 at a time, the best by loss (min){EARLY}",
        ),
        ({}, ""),
        ({"values": {"x": (1, 2)}, "enabled": False}, ""),
    ],
)
def test_what_plan_says(rule, words):
    tables = SimpleNamespace(sweep=SweepSettings(**rule), evaluate=EvaluateSettings(metric="loss", goal="min"))
    session = SimpleNamespace(settings=SimpleNamespace(tables=tables), gpus=0, environ={})
    assert sweep.in_words(session) == words


def test_trials_on_gpus_are_no_more_than_these_allow(monkeypatch):
    monkeypatch.setattr(sweep, "visible_devices", lambda _: ("a", "b", "c", "d", "e"))
    tables = SimpleNamespace(sweep=SweepSettings(parallel=8))
    session = SimpleNamespace(settings=SimpleNamespace(tables=tables), gpus=2, environ={})
    assert sweep._at_a_time(session) == 2
    session.gpus = 8
    assert sweep._at_a_time(session) == 1
