"""What is watched while a command runs: its lines, printed metrics, the metrics file, samples, the time."""

from __future__ import annotations

import re
import time
from pathlib import Path

from mlops_ci.guest.files import append_line
from mlops_ci.guest.output.lines import Line, LineSplitter
from mlops_ci.guest.output.log import JobLog
from mlops_ci.guest.output.printed import PrintedMetrics
from mlops_ci.guest.processes.supervisor import HALTED, IDLE, STALLED, TIMEOUT, Watch
from mlops_ci.guest.sampling.sampler import Sampler

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class JobWatch(Watch):
    """One for all commands of a job: the limits hold for the whole job. Times are monotonic seconds."""

    def __init__(
        self,
        *,
        log: JobLog,
        printed: PrintedMetrics,
        spool: Path,
        sampler: Sampler,
        deadline: float | None,
        stall: float | None,
        gpu_idle: float | None = None,
        halt: Path | None = None,
    ) -> None:
        self.problem: str | None = None
        self._log = log
        self._printed = printed
        self._spool = spool
        self._sampler = sampler
        self._deadline = deadline
        self._stall = stall
        self._gpu_idle = gpu_idle
        self._halt = halt
        self._gpu_active = time.monotonic()
        self._active = time.monotonic()
        self._spool_size = _size(spool)
        self._splitter = LineSplitter(self._line)

    def received(self, data: bytes) -> None:
        """Output came: the job lives."""
        self._active = time.monotonic()
        self._splitter.feed(data)

    def tick(self, now: float) -> str | None:
        """Sample, show progress, and look at the limits."""
        self._sampler.tick(now)
        self._splitter.tick()
        size = _size(self._spool)
        if size != self._spool_size:
            self._spool_size, self._active = size, now
        if self._halt is not None and self._halt.exists():
            return HALTED
        if self._deadline is not None and now > self._deadline:
            return TIMEOUT
        if self._stall is not None and now - self._active > self._stall:
            return STALLED
        if self._sampler.gpus_busy() is not False:
            self._gpu_active = now
        return IDLE if self._gpu_idle is not None and now - self._gpu_active > self._gpu_idle else None

    def command_ended(self) -> None:
        """The last line of a command may lack its newline."""
        self._splitter.close()
        self._active = time.monotonic()

    def _line(self, line: Line) -> None:
        text = self._log.line(line)
        if line.progress:
            return
        for sighting in self._printed.find(ANSI.sub("", text)):
            row = {"time": round(time.time(), 3), "step": sighting.step, **sighting.values}
            try:
                append_line(self._spool, row)
            except OSError as error:
                self.problem = f"printed metrics could not be kept: {error.strerror}"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
