"""One metrics file, and the system samples beside it, on their way to one MLflow run: what is read, sent, and left."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mlops_ci.network import RetryPolicy
from mlops_ci.tracking.client import Tracker
from mlops_ci.tracking.constants import constants
from mlops_ci.tracking.points import MetricPoint, PointReader, SystemReader
from mlops_ci.tracking.sender import Sender

SYSTEM_FILE = "system.jsonl"


@dataclass(frozen=True, kw_only=True)
class ForwardResult:
    """`points` of the metrics file that the server has, `missing` ones that it has not (or may not have).

    `sent` counts what this call or thread sent itself (not what was there already), `system_points` the points of
    system samples, `bad_lines` lines that are no points, `refused` points that the server does not take. `warning` is
    one line for people, None when all is well.
    """

    points: int
    missing: int
    sent: int = 0
    system_points: int = 0
    bad_lines: int = 0
    refused: int = 0
    warning: str | None = None


class Transfer:
    """Reads from the beginning of the file; asks the server for the run's start, so making one may raise."""

    def __init__(self, tracker: Tracker, run_id: str, metrics_file: Path, *, policy: RetryPolicy | None) -> None:
        self.points = 0
        self.sent = 0
        self.system_points = 0
        self._sender = Sender(tracker, run_id, policy=policy)
        self._reader = PointReader(metrics_file, started_ms=tracker.started_ms(run_id, policy=policy))
        self._system = SystemReader(metrics_file.with_name(SYSTEM_FILE), every=constants().forward.system_every)
        self._waiting: deque[MetricPoint] = deque()
        self._waiting_system: deque[MetricPoint] = deque()

    def step(self, *, batch: int, final: bool = False, abandoned: Callable[[], bool] = lambda: False) -> None:
        """Read what is new and send it in batches, until `abandoned` says stop. What can't be sent stays waiting."""
        more = True
        while more and not abandoned():
            if final or not self._waiting:
                self._waiting.extend(self._reader.read(final=final))
            if final or not self._waiting_system:
                self._waiting_system.extend(self._system.read())
            while self._waiting and not abandoned():
                self.points += self._send(self._waiting, batch)
            while self._waiting_system and not abandoned():
                self.system_points += self._send(self._waiting_system, batch)
            more = self._reader.spool.behind

    def result(self, problem: str | None = None) -> ForwardResult:
        """Where things stand; `problem` is why something is left, if something is."""
        refused = len(self._sender.refused)
        missing = len(self._waiting) + self._unread()
        warnings = list(self._reader.warnings())
        if refused:
            warnings.append(f"MLflow refused {refused} points")
        if missing:
            warnings.insert(0, left_over(missing, problem))
        return ForwardResult(
            points=self.points,
            missing=missing,
            sent=self.sent,
            system_points=self.system_points,
            bad_lines=self._reader.spool.bad_lines,
            refused=refused,
            warning="; ".join(warnings) or None,
        )

    def _unread(self) -> int:
        """Points that are not even read, since a long file is read piece by piece."""
        return sum(len(self._reader.read(final=True)) for _ in iter(lambda: self._reader.spool.behind, False))

    def _send(self, waiting: deque[MetricPoint], batch: int) -> int:
        """Send one batch; the number of its points that the server now has."""
        part = list(islice(waiting, batch))
        refused = len(self._sender.refused)
        self.sent += self._sender.send(part)
        for _ in part:
            waiting.popleft()
        newly_refused = len(self._sender.refused) - refused
        self.sent -= newly_refused
        return len(part) - newly_refused


def left_over(points: int, problem: str | None) -> str:
    """The sentence about points that are only in the file."""
    return f"{points} metric points are not in MLflow yet ({problem or 'unknown reason'}); metrics.jsonl keeps them"


def count_points(metrics_file: Path) -> int:
    """The points in a metrics file, without asking any server."""
    reader = PointReader(metrics_file, started_ms=0)
    count = len(reader.read(final=True))
    while reader.spool.behind:
        count += len(reader.read(final=True))
    return count
