"""The speed of a training beside earlier ones: what is asked of MLflow, and what is told."""

import json
from types import SimpleNamespace

import pytest

from mlops_ci.stages import speed
from mlops_ci.tracking.errors import TrackingDownError


class FakeTracker:
    def __init__(self, earlier):
        self.found, self.tags, self.logged = earlier, {}, {}

    def earlier(self, run, tags, metrics, *, most):
        if isinstance(self.found, Exception):
            raise self.found
        return {name: self.found.get(name, []) for name in metrics}

    def set_tags(self, run_id, tags):
        self.tags = dict(tags)

    def log_metrics(self, run_id, metrics):
        self.logged = dict(metrics)


@pytest.fixture
def looked(tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "work", lambda _: "w")
    path = tmp_path / "metrics.jsonl"
    rows = ({"time": step, "step": step, "loss": 1, "examples": 32 * step} for step in range(5))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def look(earlier, devices=({"uuid": "a", "name": "NVIDIA X"}, {"uuid": "b", "name": "NVIDIA X"}), path=path):
        tracker = FakeTracker(earlier)
        found, said = speed.look(None, tracker, SimpleNamespace(run_id="r"), path, devices, 4.0)
        return found, said, tracker

    return look


def test_it_is_recorded_and_remembered_by_hardware_and_work(looked):
    found, said, tracker = looked({})
    assert (found.steps_per_second, found.examples_per_second, found.hardware) == (1.0, 32.0, "2 x NVIDIA X")
    assert said == ()
    assert tracker.tags == {speed.HARDWARE: "2 x NVIDIA X", speed.WORK: "w"}
    assert tracker.logged == {speed.STEPS: 1.0, speed.EXAMPLES: 32.0}


def test_slower_than_before_on_the_same_hardware_is_told_by_examples_where_they_are_counted(looked):
    _, said, _ = looked({speed.EXAMPLES: [64.0] * 3, speed.STEPS: [1.0] * 3})
    assert said == (
        "slower than before on 2 x NVIDIA X: examples, 32 a second, 50% less than the median of 3 earlier ones, 64",
    )
    assert looked({speed.EXAMPLES: [32.0] * 3, speed.STEPS: [9.0] * 3})[1] == ()


def test_a_server_that_is_down_costs_a_warning(looked):
    found, said, _ = looked(TrackingDownError("no answer", hint="wait"))
    assert found.steps_per_second == 1.0
    assert "no answer" in said[0]


def test_without_points_nothing_is_asked(looked, tmp_path):
    found, said, tracker = looked(AssertionError("asked"), path=tmp_path / "none")
    assert (found.steps_per_second, said, tracker.logged) == (None, (), {})


def test_a_processor_is_named_with_the_cores_that_the_job_had():
    assert speed.hardware([{"name": "AMD EPYC", "cores": 4}]) == "4 cores of AMD EPYC"
    assert speed.hardware([{"uuid": "a", "name": "B"}, {"uuid": "b", "name": "A"}]) == "1 x A, 1 x B"
