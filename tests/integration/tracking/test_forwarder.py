import json
import math
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from mlops_ci.tracking import forwarder as module
from mlops_ci.tracking.client import TrackedRun, Tracker
from mlops_ci.tracking.constants import constants
from mlops_ci.tracking.forwarder import Forwarder
from support.lossy_proxy import Answer
from support.mlflow_restartable import QUICK


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    """Where a training writes its metrics."""
    return tmp_path / "metrics.jsonl"


@pytest.fixture
def run(tracker: Tracker, name: str) -> TrackedRun:
    """A run to log to."""
    return tracker.start_run(name, run="run-1")


def write(path: Path, *lines: str) -> None:
    with path.open("a") as stream:
        stream.writelines(f"{line}\n" for line in lines)


def point(step: int, **values: object) -> str:
    return json.dumps({"time": 1_700_000_000 + step, "step": step, **values})


def steps(tracker: Tracker, run: TrackedRun, metric: str) -> list[int]:
    return [one.step for one in tracker.history(run.run_id, metric)]


def wait_until(reached: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_points_arrive_while_the_training_writes_them(tracker, run, metrics):
    forwarder = Forwarder(tracker, run.run_id, metrics)
    forwarder.start()
    write(metrics, point(1, loss=0.5), point(2, loss=0.4, accuracy=0.9))
    wait_until(lambda: steps(tracker, run, "loss") == [1, 2])
    write(metrics, point(3, loss=0.3))
    with metrics.open("a") as stream:
        stream.write(point(4, loss=0.2))  # the last line has no end
    result = forwarder.stop()
    assert (result.points, result.missing, result.sent, result.warning) == (5, 0, 5, None)
    assert steps(tracker, run, "loss") == [1, 2, 3, 4]
    (accuracy,) = tracker.history(run.run_id, "accuracy")
    assert (accuracy.value, accuracy.step, accuracy.timestamp) == (0.9, 2, 1_700_000_002_000)


def test_a_training_without_metrics_has_none(tracker, run, metrics):
    forwarder = Forwarder(tracker, run.run_id, metrics)
    forwarder.start()
    result = forwarder.stop()
    assert (result.points, result.missing, result.warning) == (0, 0, None)


def test_garbage_is_counted_and_the_rest_arrives(tracker, run, metrics):
    with metrics.open("wb") as stream:
        stream.write(b'\xff\xfe\x00garbage\n{"loss": \n[1, 2]\n\n{"loss": "high"}\n' + b"x" * 100_000 + b"\n")
    write(metrics, point(1, loss=0.5))
    result = Forwarder(tracker, run.run_id, metrics).replay()
    assert (result.points, result.missing) == (1, 0)
    assert result.bad_lines == 6
    assert "metrics.jsonl" in (result.warning or "")


def test_what_is_not_finite_arrives_once(tracker, run, metrics):
    write(metrics, point(1, a=math.nan, b=math.inf, c=-math.inf), point(2, a=1.0))
    first = Forwarder(tracker, run.run_id, metrics).replay()
    second = Forwarder(tracker, run.run_id, metrics).replay()
    assert (first.sent, second.sent, second.points) == (4, 0, 4)
    values = {metric: [one.value for one in tracker.history(run.run_id, metric)] for metric in "abc"}
    assert [math.isnan(value) for value in values["a"]] == [True, False]
    assert values["b"] == [sys.float_info.max]
    assert values["c"] == [-sys.float_info.max]


def test_lines_without_time_and_step_are_placed_alike_each_time(tracker, run, metrics):
    write(metrics, '{"loss": 3}', '{"loss": 2}', '{"time": 1700000000, "loss": 1}', '{"loss": 0}')
    first = Forwarder(tracker, run.run_id, metrics).replay()
    second = Forwarder(tracker, run.run_id, metrics).replay()
    assert (first.sent, second.sent) == (4, 0)
    history = sorted(tracker.history(run.run_id, "loss"), key=lambda one: one.step)
    assert [(one.step, one.value) for one in history] == [(1, 3), (2, 2), (3, 1), (4, 0)]
    assert [one.timestamp for one in history] == [run.started_ms, run.started_ms, 1_700_000_000_000, 1_700_000_000_000]


def test_replay_sends_only_what_is_missing(tracker, run, metrics):
    write(metrics, *[point(step, loss=step) for step in range(100)])
    Forwarder(tracker, run.run_id, metrics).replay()
    write(metrics, *[point(step, loss=step, extra=1) for step in range(100, 150)])
    result = Forwarder(tracker, run.run_id, metrics).replay()
    assert (result.points, result.sent) == (200, 100)
    assert steps(tracker, run, "loss") == list(range(150))


def test_a_step_that_a_resumed_training_computes_again_is_one_point(tracker, run, metrics):
    write(metrics, point(1, loss=0.5), point(2, loss=0.4), point(3, loss=0.3), point(4, loss=0.2))
    Forwarder(tracker, run.run_id, metrics).replay()
    # Killed; the checkpoint is of step 2. Later, step 3 has the same value, step 4 another, which is no repetition.
    again = [
        json.dumps({"time": 1_700_000_100 + step, "step": step, "loss": loss}) for step, loss in ((3, 0.3), (4, 0.1))
    ]
    metrics.write_text("".join(f"{line}\n" for line in (point(1, loss=0.5), point(2, loss=0.4), *again)))
    result = Forwarder(tracker, run.run_id, metrics).replay()
    assert (result.points, result.missing, result.sent) == (4, 0, 1)
    assert sorted((one.step, one.value) for one in tracker.history(run.run_id, "loss")) == [
        (1, 0.5), (2, 0.4), (3, 0.3), (4, 0.1), (4, 0.2),
    ]  # fmt: skip


def test_names_that_mlflow_refuses_are_made_fit_and_stay_apart(tracker, run, metrics):
    write(metrics, '{"time": 1700000000, "step": 1, "top@5": 0.9, "top#5": 0.8, "/x//y": 1, "": 1}')
    write(metrics, '{"time": 1700000000, "step": 1, "top@5": 0.9, "top#5": 0.8, "/x//y": 1}')
    result = Forwarder(tracker, run.run_id, metrics).replay()
    assert (result.points, result.bad_lines) == (3, 1)
    assert tracker.metric_names(run.run_id) == {"top_5", "top_5_2", "x/y"}
    assert "'top@5' is 'top_5'" in (result.warning or "")


def test_system_samples_are_thinned_out_and_named_as_mlflow_expects(tracker, run, metrics):
    write(metrics, point(1, loss=0.5))
    with (metrics.parent / "system.jsonl").open("w") as stream:
        for second in range(60):
            gpus = [{"index": 1, "utilization_percent": 50, "memory_bytes": 10, "power_watts": None}]
            row = {"time": 1_700_000_000 + second, "cpu_percent": None, "memory_bytes": second, "gpus": gpus}
            stream.write(json.dumps(row) + "\n")
        stream.write('garbage\n{"time": "x"}\n[]\n')
    first = Forwarder(tracker, run.run_id, metrics).replay()
    second = Forwarder(tracker, run.run_id, metrics).replay()
    assert (first.points, first.system_points, second.sent) == (1, 18, 0)
    assert [one.value for one in tracker.history(run.run_id, "system/memory_bytes")] == [0, 10, 20, 30, 40, 50]
    assert tracker.metric_names(run.run_id) == {
        "loss",
        "system/memory_bytes",
        "system/gpu/1/utilization_percent",
        "system/gpu/1/memory_bytes",
    }


def test_points_that_the_server_refuses_do_not_keep_the_others(line, tracker, run, metrics):
    line.judge = lambda request: (
        Answer(400, json.dumps({"error_code": "INVALID_PARAMETER_VALUE", "message": "no"}))
        if b"poison" in request.body
        else "pass"
    )
    write(metrics, *[point(step, loss=step) for step in range(20)], point(20, poison=1), point(21, loss=21))
    result = Forwarder(Tracker(line.uri), run.run_id, metrics).replay()
    assert (result.points, result.refused, result.missing) == (21, 1, 0)
    assert result.warning == "MLflow refused 1 points"
    assert len(steps(tracker, run, "loss")) == 21


def test_a_run_that_was_deleted_costs_a_warning_and_no_more(tracker, run, metrics):
    forwarder = Forwarder(tracker, run.run_id, metrics)
    MlflowClient(tracker.connection.uri).delete_run(run.run_id)
    write(metrics, *[point(step, loss=step) for step in range(100)])
    forwarder.start()
    result = forwarder.stop()
    assert (result.missing, result.refused) == (100, 0)
    assert "was deleted" in (result.warning or "")


@pytest.mark.parametrize("seed", range(3))
def test_every_point_arrives_once_over_a_line_that_loses_requests_and_answers(
    line, tracker, run, metrics, seed, monkeypatch
):
    chance = random.Random(seed)
    line.judge = lambda _: chance.choice(["pass", "pass", "lose-answer", "lose-request"])
    quick(monkeypatch)
    forwarder = Forwarder(Tracker(line.uri), run.run_id, metrics)
    forwarder.start()
    for step in range(60):
        write(metrics, point(step, loss=step, accuracy=step / 60))
        time.sleep(0.01)
    first = forwarder.stop(deadline=60)
    line.judge = lambda _: "pass"
    result = Forwarder(tracker, run.run_id, metrics).replay()
    assert first.points + first.missing == 120
    assert (result.points, result.missing) == (120, 0)
    for metric in ("loss", "accuracy"):
        assert sorted(steps(tracker, run, metric)) == list(range(60))


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forwarder that does not wait, so that a test need not."""
    numbers = constants()
    fast = type(numbers.forward)(**{**vars(numbers.forward), "every": 0.05, "points": 7, "longest_wait": 0.2})
    monkeypatch.setattr(module, "constants", lambda: type(numbers)(**{**vars(numbers), "forward": fast}))


def test_a_server_that_is_killed_and_comes_back_misses_nothing(own_server, tmp_path, monkeypatch):
    quick(monkeypatch)
    metrics = tmp_path / "metrics.jsonl"
    tracker = Tracker(own_server.uri, policy=QUICK)
    run = tracker.start_run("digits", run="run-1")
    forwarder = Forwarder(tracker, run.run_id, metrics)
    forwarder.start()
    slowest = 0.0

    def train(first: int, last: int) -> None:
        nonlocal slowest
        for step in range(first, last):
            before = time.monotonic()
            write(metrics, point(step, loss=step))
            slowest = max(slowest, time.monotonic() - before)
            time.sleep(0.01)

    train(0, 50)
    wait_until(lambda: len(steps(tracker, run, "loss")) > 20)
    killer = threading.Timer(0.2, own_server.kill)
    killer.start()
    train(50, 100)
    killer.join()
    train(100, 120)
    own_server.start()
    train(120, 150)
    wait_until(lambda: len(steps(tracker, run, "loss")) == 150)
    result = forwarder.stop()
    assert (result.points, result.missing, result.warning) == (150, 0, None)
    assert sorted(steps(tracker, run, "loss")) == list(range(150))
    assert slowest < 1, "writing a metric never waits for a server"

    own_server.kill()
    write(metrics, *[point(step, loss=step) for step in range(150, 160)])
    late = Forwarder(tracker, run.run_id, metrics)
    late.start()
    before = time.monotonic()
    result = late.stop()
    assert time.monotonic() - before < 10
    assert result.missing == 160
    assert "160 metric points are not in MLflow yet" in (result.warning or "")
    result = Forwarder(tracker, run.run_id, metrics).replay()
    assert (result.points, result.missing) == (0, 160)
    own_server.start()
    result = Forwarder(tracker, run.run_id, metrics).replay()
    assert (result.points, result.sent, result.missing) == (160, 10, 0)
    assert sorted(steps(tracker, run, "loss")) == list(range(160))


def test_a_server_that_hangs_does_not_hold_up_the_end(line, run, metrics, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    line.judge = lambda _: "hang"
    write(metrics, point(1, loss=1))
    forwarder = Forwarder(Tracker(line.uri), run.run_id, metrics)
    forwarder.start()
    before = time.monotonic()
    result = forwarder.stop(deadline=0.5)
    assert time.monotonic() - before < 2
    assert (result.points, result.missing) == (0, 1)
    line.released.set()
    forwarder._thread.join()


FORWARDING = """
import sys, time
from pathlib import Path
from mlops_ci.tracking.client import Tracker
from mlops_ci.tracking.forwarder import Forwarder
forwarder = Forwarder(Tracker(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
forwarder.start()
print("started", flush=True)
time.sleep(120)
"""


def test_kill_9_of_the_forwarding_process_loses_and_repeats_nothing(line, tracker, run, metrics):
    write(metrics, *[point(step, loss=step, accuracy=1) for step in range(1500)])
    child: list[subprocess.Popen[bytes]] = []

    def judge(request):
        if request.path.endswith("/runs/log-batch") and sum("log-batch" in one.path for one in line.seen) == 3:
            child[0].kill()
            return "lose-answer"
        return "pass"

    line.judge = judge
    argv = [sys.executable, "-c", FORWARDING, line.uri, run.run_id, str(metrics)]
    child.append(subprocess.Popen(argv, stdout=subprocess.PIPE))
    child[0].communicate(timeout=120)
    assert child[0].returncode == -signal.SIGKILL
    # The third batch of 500 is on its way when its sender dies.
    wait_until(lambda: len(steps(tracker, run, "loss")) + len(steps(tracker, run, "accuracy")) == 1500)
    result = Forwarder(tracker, run.run_id, metrics).replay()
    assert (result.points, result.sent) == (3000, 1500)
    for metric in ("loss", "accuracy"):
        assert sorted(steps(tracker, run, metric)) == list(range(1500))


def test_twenty_thousand_points_take_few_requests(line, run, metrics):
    write(metrics, *[point(step, loss=step, accuracy=step) for step in range(10_000)])
    result = Forwarder(Tracker(line.uri), run.run_id, metrics).replay()
    assert result.points == 20_000
    assert len(line.seen) < 30
