"""Plain MLflow keeps to the training's run: here an MLflow that only counts, with the habits of the real one."""

import os
import sys
import types

import pytest

from mlops_ci.guest import native_mlflow


class Fluent(types.ModuleType):
    """Starts runs as MLflow does: the variable's once, which it then forgets; refused in another experiment."""

    def __init__(self):
        super().__init__(native_mlflow.FLUENT)
        self.runs, self._active, self._active_experiment_id = {}, [], None
        self.start_run, self._get_or_start_run = self._start, self._implicit

    def active_run(self):
        return self._active[-1] if self._active else None

    def _start(self, run_id=None, experiment_id=None, run_name=None, nested=False, parent_run_id=None, tags=None):
        found = run_id or os.environ.pop("MLFLOW_RUN_ID", None)
        if found == "ours" and self._active_experiment_id not in {None, "our experiment"}:
            raise ValueError("active experiment ID does not match environment run ID")
        self._active.append(found or f"run-{len(self.runs)}")
        self.runs[self._active[-1]] = tags
        return self._active[-1]

    def _implicit(self):
        return self.active_run() or self.start_run()

    def end_run(self):
        self._active.pop()


@pytest.fixture
def fluent(monkeypatch):
    made = Fluent()
    monkeypatch.setitem(sys.modules, native_mlflow.FLUENT, made)
    monkeypatch.setenv("MLFLOW_RUN_ID", "ours")
    native_mlflow.begin(os.environ)
    return made


def test_what_is_logged_without_a_run_goes_to_ours_each_time(fluent):
    for _ in range(3):
        assert fluent._get_or_start_run() == "ours"
        fluent.end_run()
    assert list(fluent.runs) == ["ours"]


def test_the_first_run_that_is_started_is_ours_and_later_ones_are_its_children(fluent):
    assert fluent.start_run(None, None, "a name") == "ours"
    assert fluent._get_or_start_run() == "ours"
    fluent.end_run()
    second = fluent.start_run(tags={"mine": 1})
    assert fluent._get_or_start_run() == second != "ours"
    assert fluent.runs[second] == {"mlflow.parentRunId": "ours", "mine": 1}
    fluent.end_run()
    assert fluent._get_or_start_run() == "ours"


def test_another_experiment_does_not_take_the_run_away(fluent):
    fluent._active_experiment_id = "theirs"
    assert fluent.start_run() == "ours"
    assert fluent._active_experiment_id == "theirs"


def test_a_run_that_is_named_or_nested_is_the_scripts_own_affair(fluent):
    assert fluent.start_run(run_id="theirs") == "theirs"
    nested = fluent.start_run(nested=True)
    assert fluent.runs[nested] is None or "mlflow.parentRunId" not in fluent.runs[nested]


def test_an_mlflow_that_is_made_otherwise_is_left_alone(monkeypatch, capsys):
    unknown = types.ModuleType(native_mlflow.FLUENT)
    monkeypatch.setitem(sys.modules, native_mlflow.FLUENT, unknown)
    native_mlflow.begin({"MLFLOW_RUN_ID": "ours"})
    assert "one run and no other" in capsys.readouterr().err
    assert not hasattr(unknown, "start_run")


def test_without_a_run_nothing_is_touched(monkeypatch):
    made = Fluent()
    monkeypatch.setitem(sys.modules, native_mlflow.FLUENT, made)
    native_mlflow.begin({})
    assert made.start_run == made._start
