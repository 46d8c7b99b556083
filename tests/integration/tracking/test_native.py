"""A script that logs to MLflow by itself, in the real guest: its run is ours, with all that we know of it."""

import sys

from mlflow import MlflowClient

from mlops_ci.tracking.forwarder import Forwarder
from mlops_ci.tracking.job_environment import job_environment
from support.guest_fixtures import make_job

__all__ = ["make_job"]

# autolog starts a run and ends it; what is logged after it, and another `start_run`, would be runs of their own.
SCRIPT = """
import mlflow
from sklearn.linear_model import LogisticRegression
from mlops_ci.guest.sdk import log

mlflow.set_experiment("the script's own idea of it")
mlflow.sklearn.autolog(log_models=False, log_datasets=False, silent=True)
LogisticRegression(C=0.5).fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
for step in range(1, 4):
    mlflow.log_metric("native", 1 / step, step=step)
    log(step=step, spooled=step)
mlflow.log_param("theirs", "yes")
mlflow.end_run()
with mlflow.start_run(run_name="afterwards"):
    mlflow.log_metric("extra", 1)
mlflow.log_metric("native", 0.1, step=4)
"""


def test_log_metric_and_autolog_land_in_our_run_and_nothing_is_doubled(tracker, name, make_job):
    run = tracker.start_run(name, run="run-1", tags={"mlops.commit": "abc"}, params={"epochs": 3})
    job = make_job(python=sys.executable)
    job.script(SCRIPT)
    job.task["environment"] = job_environment(tracker, run)
    code, shown = job.run()
    assert code == 0, shown
    for _ in range(2):
        assert Forwarder(tracker, run.run_id, job.folder / "job" / "metrics.jsonl").replay().missing == 0

    client = MlflowClient(tracker.connection.uri)
    (found,) = client.search_runs([run.experiment_id])
    assert (found.info.run_id, found.data.tags["mlops.commit"]) == (run.run_id, "abc")
    params = {"epochs": "3", "C": "0.5", "theirs": "yes"}
    assert {key: found.data.params[key] for key in params} == params
    assert found.data.metrics["training_accuracy_score"] == 1.0
    assert [one.step for one in tracker.history(run.run_id, "native")] == [1, 2, 3, 4]
    assert [one.step for one in tracker.history(run.run_id, "spooled")] == [1, 2, 3]

    theirs = client.get_experiment_by_name("the script's own idea of it")
    (child,) = client.search_runs([theirs.experiment_id], f"tags.`mlflow.parentRunId` = '{run.run_id}'")
    assert (child.info.run_name, child.data.metrics) == ("afterwards", {"extra": 1.0})
