"""Metrics on their way from the files of a training to MLflow, while it runs and afterwards.

`metrics.jsonl` is the source of truth. A daemon thread follows it; the server may come and go, the training never
notices. What did not arrive is sent by `replay`, here or in a later process, without sending anything twice.
"""

from __future__ import annotations

import threading
from pathlib import Path

from mlops_ci.errors import InfrastructureError, MlopsError
from mlops_ci.network import RetryPolicy
from mlops_ci.tracking.client import Tracker
from mlops_ci.tracking.connection import ONCE
from mlops_ci.tracking.constants import constants
from mlops_ci.tracking.errors import TrackingRefusedError
from mlops_ci.tracking.transfer import ForwardResult, Transfer, count_points, left_over

LAST_TRIES = 2


class Forwarder:
    """Forwards a metrics file, and `system.jsonl` beside it, to an MLflow run. Can be started once."""

    def __init__(self, tracker: Tracker, run_id: str, metrics_file: Path) -> None:
        self._tracker = tracker
        self._run_id = run_id
        self._file = metrics_file
        self._live: Transfer | None = None
        self._problem: str | None = None
        self._broken = False
        self._stopping = threading.Event()
        self._abandoned = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics-forwarder", daemon=True)

    def start(self) -> None:
        """Follow the file from now on. Never raises for the server's sake."""
        self._thread.start()

    def stop(self, deadline: float | None = None) -> ForwardResult:
        """Send what is left, for at most `deadline` seconds, and end. Never raises; the rest is for `replay`."""
        self._stopping.set()
        self._thread.join(constants().forward.stop if deadline is None else deadline)
        self._abandoned.set()
        if self._live is not None and not self._thread.is_alive() and not self._broken:
            return self._live.result(self._problem)
        points = self._live.points if self._live is not None else 0
        return self._without_answer(points, self._problem or "it does not answer in time")

    def replay(self) -> ForwardResult:
        """Send, now, what the server lacks of both files.

        A server that is down is a warning in the result, since nothing is lost: the file keeps the points. Raises what
        `Connection.ask` raises for everything else.
        """
        transfer = None
        try:
            transfer = Transfer(self._tracker, self._run_id, self._file, policy=None)
            transfer.step(batch=constants().limits.metrics_per_batch, final=True)
        except InfrastructureError as error:
            return transfer.result(error.cause) if transfer is not None else self._without_answer(0, error.cause)
        return transfer.result()

    def _run(self) -> None:
        """The thread: whatever happens in it, the training goes on, and `stop` tells what happened."""
        try:
            self._follow()
        except Exception as error:  # noqa: BLE001 - a bug of ours must not cost a training
            self._broken = True
            self._problem = f"{type(error).__name__}: {error}"

    def _follow(self) -> None:
        numbers = constants().forward
        back_off = RetryPolicy(first_wait=numbers.every, longest_wait=numbers.longest_wait)
        failures = last_tries = 0
        while not self._abandoned.is_set():
            final = self._stopping.is_set()
            last_tries += final
            try:
                self._step(final=final)
                failures = 0
                if final:
                    return
            except TrackingRefusedError as error:
                self._problem = error.cause
                return
            except (MlopsError, OSError) as error:
                self._problem = error.cause if isinstance(error, MlopsError) else str(error)
                failures += 1
                if last_tries >= LAST_TRIES:
                    return
            if final:
                self._abandoned.wait(numbers.every / 2)
            else:
                self._stopping.wait(back_off.wait(failures) if failures else numbers.every)

    def _step(self, *, final: bool) -> None:
        if self._live is None:
            self._live = Transfer(self._tracker, self._run_id, self._file, policy=ONCE)
        self._live.step(batch=constants().forward.points, final=final, abandoned=self._abandoned.is_set)

    def _without_answer(self, points: int, problem: str) -> ForwardResult:
        """Where things stand when the server has to be left out of it."""
        try:
            missing = max(0, count_points(self._file) - points)
        except OSError as error:
            return ForwardResult(points=points, missing=0, warning=f"{self._file} can't be read: {error.strerror}")
        return ForwardResult(points=points, missing=missing, warning=left_over(missing, problem) if missing else None)
