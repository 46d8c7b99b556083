"""100,000 metric points on their way into MLflow, against one `log_metric` after another."""

from __future__ import annotations

import json
import time
from pathlib import Path

from mlflow import MlflowClient

from mlops_ci.tracking.client import Tracker
from mlops_ci.tracking.forwarder import Forwarder
from support.mlflow_restartable import RestartableServer
from support.testbed.ports import free_ports

POINTS, METRICS, SINGLE = 100_000, 4, 1000


def table(folder: Path) -> str:
    """A real server on SQLite. Of the single calls only the first thousand are made: their time is proportional."""
    path = folder / "metrics.jsonl"
    with path.open("w") as file:
        for step in range(POINTS // METRICS):
            values = {f"metric-{number}": step / (number + 1) for number in range(METRICS)}
            file.write(json.dumps({"time": 1.7e9 + step, "step": step, **values}) + "\n")
    server = RestartableServer(folder, free_ports(1)[0])
    server.start()
    try:
        tracker = Tracker(server.uri)
        tracked = tracker.start_run("bench", run="bench", name="bench", tags={}, params={})
        client = MlflowClient(tracking_uri=server.uri)
        other = client.create_run(tracked.experiment_id).info.run_id
        began = time.monotonic()
        for step in range(SINGLE):
            client.log_metric(other, "one", step / 2, step=step)
        single = (time.monotonic() - began) * POINTS / SINGLE
        began = time.monotonic()
        result = Forwarder(tracker, tracked.run_id, path).replay()
        ours = time.monotonic() - began
    finally:
        server.kill()
    return (
        "| what | figure |\n| --- | --- |\n"
        f"| points that MLflow has | {result.points} |\n"
        f"| `log_metric`, a call for each point (from {SINGLE} of them) | 1.00 |\n"
        f"| **the forwarder, ratio** | **{ours / single:.4f}** |"
    )
