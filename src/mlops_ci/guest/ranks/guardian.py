"""Around one process of several: its log, its signals, and its last word, which the launcher would swallow.

Started by the launcher, so RANK and its like are in our environment, and the process inherits them. Only the first
process of a node is shown; only rank 0 of all gets what belongs to the MLflow run.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from pathlib import Path
from typing import Any

from mlops_ci.guest import exits, layout
from mlops_ci.guest.files import read_json, write_json
from mlops_ci.guest.output.lines import LineSplitter
from mlops_ci.guest.output.log import JobLog
from mlops_ci.guest.output.redact import Redactor
from mlops_ci.guest.processes import linux
from mlops_ci.guest.processes.children import shell_code
from mlops_ci.guest.processes.outlet import Outlet
from mlops_ci.guest.processes.supervisor import HUNG, Supervisor, Watch

TRACKING = "MLFLOW_"
CANNOT_START = 127
SAYS_WHERE = 0.75
"""The share of the grace after which a process that hung gets SIGABRT, so that Python's fault handler says where."""


class _Lines(Watch):
    """Keeps the lines; a process that hung is made to say where, before the grace is over."""

    def __init__(self, log: JobLog, supervisor: Supervisor, grace: float, stop_file: str | None) -> None:
        self._splitter = LineSplitter(lambda line: void(log.line(line)))
        self._supervisor = supervisor
        self._patience = grace * SAYS_WHERE
        self._stop_file = stop_file
        self._hung_at: float | None = None
        self._asked = False

    def received(self, data: bytes) -> None:
        self._splitter.feed(data)

    def tick(self, now: float) -> None:
        self._splitter.tick()
        if self._hung_at is None and self._supervisor.stop and stop_reason(self._stop_file) in HUNG:
            self._hung_at = now
        if self._hung_at is not None and not self._asked and now - self._hung_at > self._patience:
            self._asked = True
            self._supervisor.children.signal_all(signal.SIGABRT)

    def close(self) -> None:
        """The last line may lack its newline."""
        self._splitter.close()


def stop_reason(path: str | None) -> str:
    """What the stop file says; empty while there is none."""
    try:
        return Path(path).read_text(encoding="utf-8").strip() if path else ""
    except OSError:
        return ""


def void(value: object) -> None:
    """Forget a value."""
    del value


def main(arguments: list[str]) -> int:
    """Run the process of this rank; the exit code is its own (128 + signal for a killed one)."""
    spec = Path(arguments[0])
    linux.become_subreaper()
    return _run(read_json(spec), spec.parent)


def _run(spec: dict[str, Any], folder: Path) -> int:
    rank = int(os.environ["RANK"])
    environment = environment_of(rank, os.environ)
    redactor = Redactor(os.environ[name] for name in spec["secrets"] if os.environ.get(name))
    # Who started the launcher kills everything when the grace is over; until then the process has all of it.
    supervisor = Supervisor(leash=None, grace=float(spec["grace"]) + 1.0)
    if os.environ.get("LOCAL_RANK") != "0":
        supervisor.outlet = Outlet()
        supervisor.outlet.open = False
    log = JobLog(folder / layout.rank_log(rank), supervisor.outlet, redactor)
    lines = _Lines(log, supervisor, float(spec["grace"]), os.environ.get("MLOPS_STOP_FILE"))
    started = time.time()
    try:
        ended = supervisor.run(spec["argv"], environment=environment, folder=spec["folder"], watch=lines)
        code = ended.code
    except OSError as error:
        log.say(f"{spec['argv'][0]} cannot be started: {error.strerror}")
        code = CANNOT_START
    lines.close()
    word = {
        "rank": rank,
        "code": code,
        "asked_to_stop": supervisor.stop is not None,
        "started": started,
        "ended": time.time(),
        "tail": list(deque(log.tail)),
    }
    write_json(folder / layout.rank_word(rank), word)
    log.close()
    supervisor.close()
    return exits.OK if code == 0 else shell_code(code)


def environment_of(rank: int, inherited: os._Environ[str] | dict[str, str]) -> dict[str, str]:
    """The variables of a process: those of the MLflow run only for rank 0, else all would write into it."""
    return {name: value for name, value in inherited.items() if rank == 0 or not name.startswith(TRACKING)}
