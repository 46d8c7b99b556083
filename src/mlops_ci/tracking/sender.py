"""Sends points to one MLflow run, each of them once, whatever was sent before and by whom."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_ci.errors import MlopsError
from mlops_ci.network import RetryPolicy
from mlops_ci.tracking.client import Tracker
from mlops_ci.tracking.constants import constants
from mlops_ci.tracking.errors import TrackingNotFoundError, TrackingRefusedError
from mlops_ci.tracking.points import Key, MetricPoint


class Sender:
    """Asks once for what the server has of each metric, and sends only what it lacks.

    When a request fails, its answer may have been lost: what is known of its metrics is then forgotten and asked anew.
    `refused` are the points that the server does not take for what they are.
    """

    def __init__(self, tracker: Tracker, run_id: str, *, policy: RetryPolicy | None = None) -> None:
        self.refused: set[MetricPoint] = set()
        self._tracker = tracker
        self._run_id = run_id
        self._policy = policy
        self._names: set[str] | None = None
        self._stored: dict[str, set[Key]] = {}

    def send(self, points: Sequence[MetricPoint]) -> int:
        """Make sure that the server has these points; the number that had to be sent. Raises when that is unsure."""
        missing = [
            point for point in points if point.key not in self._on_server(point.name) and point not in self.refused
        ]
        refused = set(self.refused)
        try:
            self._send(missing)
        except MlopsError:
            self.refused = refused
            for point in missing:
                self._stored.pop(point.name, None)
            self._names = None
            raise
        return len(missing)

    def _on_server(self, name: str) -> set[Key]:
        """What the server had of a metric when it was first met."""
        if name not in self._stored:
            if self._names is None:
                self._names = self._tracker.metric_names(self._run_id, policy=self._policy)
            history = self._tracker.history(self._run_id, name, policy=self._policy) if name in self._names else []
            self._stored[name] = {point.key for point in history}
        return self._stored[name]

    def _send(self, points: Sequence[MetricPoint]) -> None:
        """Send; of a batch that is refused, find the points that spoil it by halving and leave them out."""
        if not points:
            return
        try:
            self._tracker.log_points(self._run_id, points, policy=self._policy)
        except TrackingNotFoundError:
            raise
        except TrackingRefusedError:
            if len(points) > 1:
                middle = len(points) // 2
                self._send(points[:middle])
                self._send(points[middle:])
                return
            self.refused.update(points)
            if len(self.refused) > constants().forward.refused:
                raise
