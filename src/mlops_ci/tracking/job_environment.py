"""What a training needs in its environment so that plain `mlflow.log_metric` and autolog land in its own run."""

from __future__ import annotations

import os

from mlops_ci.tracking.address import CREDENTIALS
from mlops_ci.tracking.client import TrackedRun, Tracker

NO_PROXY = ("NO_PROXY", "no_proxy")


def job_environment(tracker: Tracker, run: TrackedRun) -> dict[str, str]:
    """Variables for the first process of a job: address, experiment and run, and the credentials that we have.

    MLflow's own time-outs stay as they are: inside the training a call may wait for a server that comes back. The
    names that need no proxy are ours, which include an embedded server's address.
    """
    found = {
        "MLFLOW_TRACKING_URI": tracker.public_uri,
        "MLFLOW_EXPERIMENT_ID": run.experiment_id,
        "MLFLOW_RUN_ID": run.run_id,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    }
    return found | {name: os.environ[name] for name in (*CREDENTIALS, *NO_PROXY) if os.environ.get(name)}
