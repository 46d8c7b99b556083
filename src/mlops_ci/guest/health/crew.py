"""The children that examine: started together, each with a hard deadline: a hang and a crash are findings too."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mlops_ci.guest.health.row import MARK, Told, is_step, read
from mlops_ci.guest.health.schedstat import longest, pressure, session_waits, waits
from mlops_ci.guest.health.starvation import Delay
from mlops_ci.guest.output.lines import Line, LineSplitter
from mlops_ci.guest.output.log import JobLog
from mlops_ci.guest.processes.children import closing, exit_code_of, send
from mlops_ci.guest.processes.supervisor import Supervisor

TICK = 0.05
CHUNK = 65536
DRAIN = 0.5
SIGKILLED = -9


@dataclass
class Child:
    """One child and what it said. `ending` is how it stopped before its end, in words; empty where it ended well.

    `delay` says of a late one what kept it.
    """

    name: str
    argv: Sequence[str]
    deadline: float
    told: Told = field(default_factory=Told)
    ending: str = ""
    late: bool = False
    delay: Delay | None = None
    pid: int = 0
    begun: float = 0.0
    step_begun: float = 0.0
    step_waits: Mapping[int, float] = field(default_factory=dict)
    output: int = -1
    exited: float | None = None
    lines: list[str] = field(default_factory=list)
    splitter: LineSplitter | None = None


@dataclass
class Crew:
    """Runs children side by side. Stops early when the supervisor is asked to end everything."""

    supervisor: Supervisor
    environment: Mapping[str, str]
    folder: str
    log: JobLog

    def run(self, children: Sequence[Child]) -> None:
        """Start all, and see each to its end or its deadline (monotonic time)."""
        started = time.monotonic()
        for child in children:
            self._start(child)
        running = [child for child in children if child.pid]
        while running and self.supervisor.stop is None:
            self._wait(running)
            self._advance(running)
            running = [child for child in running if not self._over(child)]
        for child in running:
            self._kill(child)
        for child in children:
            self._finish(child, started)

    def _start(self, child: Child) -> None:
        output, inner = os.pipe()
        child.begun = child.step_begun = time.monotonic()
        child.splitter = LineSplitter(lambda line: self._line(child, line))
        try:
            child.pid = self.supervisor.children.start(
                child.argv, environment=self.environment, folder=self.folder, output=inner
            )
            child.output = output
        except OSError as error:
            closing(output)
            child.ending = f"could not be started: {error.strerror}"
        finally:
            closing(inner)

    def _wait(self, running: Sequence[Child]) -> None:
        handles = {child.output: child for child in running if child.output >= 0}
        if handles:
            for handle in select.select(list(handles), [], [], TICK)[0]:
                self._read(handles[handle])
            self.supervisor.poll()
        else:
            self.supervisor.poll(TICK)

    def _read(self, child: Child) -> bool:
        data = os.read(child.output, CHUNK) if child.output >= 0 else b""
        if data and child.splitter is not None:
            child.splitter.feed(data)
            return True
        closing(child.output)
        child.output = -1
        return False

    def _advance(self, running: Sequence[Child]) -> None:
        self.supervisor.children.reap()
        now = time.monotonic()
        for child in running:
            if child.exited is None and self.supervisor.children.status(child.pid) is not None:
                child.exited = now
            elif child.exited is None and now > child.deadline:
                child.late = True
                child.delay = _delay(child, now)
                self._kill(child)
                child.exited = now

    @staticmethod
    def _over(child: Child) -> bool:
        if child.exited is None:
            return False
        return child.output < 0 or time.monotonic() - child.exited > DRAIN

    @staticmethod
    def _kill(child: Child) -> None:
        """The whole session of the child: a process that it started goes too."""
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            send(child.pid, signal.SIGKILL)

    def _finish(self, child: Child, started: float) -> None:
        while child.output >= 0 and select.select([child.output], [], [], 0)[0] and self._read(child):
            pass
        if child.output >= 0:
            closing(child.output)
        if child.splitter is not None:
            child.splitter.close()
        child.told = read(child.lines)
        status = self.supervisor.children.status(child.pid)
        code = None if status is None else exit_code_of(status)
        if child.late:
            child.ending = f"was still busy after {time.monotonic() - started:.1f} s"
        elif child.pid and not (code == 0 and child.told.ended):
            child.ending = ending_of(code)

    def _line(self, child: Child, line: Line) -> None:
        text = line.text.decode("utf-8", "replace")
        if text.startswith(MARK):
            child.lines.append(text)
            if is_step(text):
                child.step_begun, child.step_waits = time.monotonic(), waits(child.pid)
        elif text:
            self.log.line(line)


def _delay(child: Child, now: float) -> Delay:
    waited = session_waits(child.pid)
    return Delay(
        seconds=now - child.begun,
        waited=longest(waited, {}),
        step_seconds=now - child.step_begun,
        step_waited=longest(waited, child.step_waits),
        pressure=pressure(),
    )


def ending_of(code: int | None) -> str:
    """How a child ended, in words."""
    if code is None:
        return "was stopped"
    if code == SIGKILLED:
        return "was killed with SIGKILL (memory may have run out: see the kernel's log)"
    return f"crashed with {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
