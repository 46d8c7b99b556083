"""A training has ended well, and MLflow does not take its end: a warning, and all of it the next time."""

import pytest

from mlops_ci.tracking.client import Tracker
from mlops_ci.tracking.ending import finish, last_points
from support.mlflow_restartable import QUICK


@pytest.mark.parametrize("status", [401, 403, 404, 503])
def test_a_good_training_does_not_fail_with_a_token_that_has_expired(line, name, tmp_path, status):
    tracker = Tracker(line.uri, policy=QUICK)
    run = tracker.start_run(name, run="run-1")
    metrics = tmp_path / "metrics.jsonl"
    metrics.write_text('{"time": 1700000000, "step": 1, "loss": 0.5}\n')
    line.answer(status, '{"error_code": "X", "message": "token expired"}')
    points, told = last_points(tracker, run.run_id, metrics)
    told += finish(tracker, run.run_id, "FINISHED")
    assert points == 0
    assert len(told) == 2
    assert all("MLflow" in one for one in told)

    line.judge = lambda _: "pass"
    assert last_points(tracker, run.run_id, metrics) == (1, [])
    assert finish(tracker, run.run_id, "FINISHED") == []
    assert [one.step for one in tracker.history(run.run_id, "loss")] == [1]
