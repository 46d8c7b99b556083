"""The end of a training, as MLflow is told of it: what MLflow does not take then is a warning.

Nothing is lost by that: the files keep the points, and publish completes the run. A good training of many hours must
not fail because its token has expired in the meantime.
"""

from __future__ import annotations

from pathlib import Path

from mlops_ci.errors import MlopsError
from mlops_ci.tracking.client import Status, Tracker
from mlops_ci.tracking.forwarder import Forwarder


def last_points(tracker: Tracker, run_id: str, metrics: Path) -> tuple[int, list[str]]:
    """Send what MLflow lacks of the metrics; how many points it is known to have, and what is to be told."""
    try:
        done = Forwarder(tracker, run_id, metrics).replay()
    except MlopsError as error:
        return 0, [f"the metrics are not complete in MLflow yet, {metrics.name} keeps them: {error.cause}"]
    return done.points, [done.warning] if done.warning else []


def finish(tracker: Tracker, run_id: str, status: Status) -> list[str]:
    """Mark the run as ended; what is to be told."""
    try:
        tracker.finish(run_id, status)
    except MlopsError as error:
        return [f"the MLflow run could not be marked as finished yet: {error.cause}"]
    return []
