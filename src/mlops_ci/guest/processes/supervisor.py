"""Runs one command after another and stops it: on a signal, at the end of the leash, or when its watch says so.

One thread, one select(): output, leash, signals and clock are all seen within half a second, whatever the job does.

How a job is stopped: first SIGTERM to the command's own process alone (its data loader workers must live while it saves
a checkpoint; launchers such as torchrun pass the signal on), and the stop file for those who ask. When that process has
ended, or half of the grace is over, SIGTERM to everything below us. After the grace SIGKILL to all that is left. A job
that is stopped because it hung gets SIGABRT first, so that Python's fault handler says where.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlops_ci.guest.processes import linux
from mlops_ci.guest.processes.children import Children, closing, exit_code_of, send
from mlops_ci.guest.processes.outlet import Outlet
from mlops_ci.guest.processes.signals import SignalPipe

TICK = 0.25
CHUNK = 65536
DRAIN = 1.0
LOST_LEASH_GRACE = 5.0
HANG_REPORT = 1.0

TERMINATED = "terminated"
INTERRUPTED = "interrupted"
LEASH = "leash"
TIMEOUT = "timeout"
STALLED = "stalled"
IDLE = "idle"
HALTED = "halted"
HUNG = (STALLED, IDLE)


class Watch:
    """What the supervisor tells about a running command; a subclass overrides what it needs."""

    def received(self, data: bytes) -> None:
        """Output of the command, as it came."""

    def tick(self, now: float) -> str | None:
        """Called about four times a second with the monotonic time; a text is a reason to stop."""
        del now
        return None


@dataclass
class Ended:
    """How a command ended. `code` is minus the signal for a killed one; `leftovers` are what it left running."""

    code: int
    seconds: float
    leftovers: list[str] = field(default_factory=list)


@dataclass
class _Running:
    pid: int
    output: int | None
    grace: float
    exited_at: float | None = None
    stop_at: float | None = None
    widened: bool = False
    aborted: bool = False


class Supervisor:
    """Owns the children, the signals and the leash of the keeper process. `stop` is why everything must end."""

    def __init__(self, *, leash: int | None, grace: float, stop_file: Path | None = None) -> None:
        self.children = Children()
        self.signals = SignalPipe()
        self.outlet = Outlet()
        self.stop: str | None = None
        self._leash = leash
        self._grace = grace
        self._stop_file = stop_file

    def run(
        self, argv: Sequence[str], *, environment: Mapping[str, str], folder: str, watch: Watch, capture: bool = True
    ) -> Ended:
        """Run a command to its end and everything that it started with it. Raises `OSError` when it cannot start."""
        started = time.monotonic()
        output, inner = os.pipe() if capture else (None, None)
        try:
            pid = self.children.start(argv, environment=environment, folder=folder, output=inner)
        except BaseException:
            closing(*([] if output is None else [output]))
            raise
        finally:
            closing(*([] if inner is None else [inner]))
        running = _Running(pid=pid, output=output, grace=self._grace)
        while not self._finished(running):
            self._wait(running, watch)
            self._advance(running, watch)
        code = exit_code_of(self.children.status(pid) or 0)
        ended = Ended(code=code, seconds=(running.exited_at or time.monotonic()) - started)
        ended.leftovers = self._sweep(running, watch)
        return ended

    def poll(self, seconds: float = 0.0) -> str | None:
        """Look at signals and leash outside of a command; the reason to stop, if there is one."""
        handles = [self.signals.handle] + ([] if self._leash is None else [self._leash])
        for handle in select.select(handles, [], [], seconds)[0]:
            self._wake(handle)
        return self.stop

    def close(self) -> None:
        """End everything that still lives and write out what is buffered."""
        self.children.destroy()
        self.outlet.flush(2.0)
        self.signals.close()

    def _finished(self, running: _Running) -> bool:
        if running.exited_at is None:
            return False
        return self.stop is not None or running.output is None or time.monotonic() - running.exited_at > DRAIN

    def _wait(self, running: _Running, watch: Watch) -> None:
        readable = [self.signals.handle] + ([] if self._leash is None else [self._leash])
        if running.output is not None and not self.outlet.full:
            readable.append(running.output)
        writable = [self.outlet.handle] if self.outlet.waiting and self.outlet.open else []
        ready, free, _ = select.select(readable, writable, [], TICK)
        if free:
            self.outlet.flush()
        for handle in ready:
            if handle == running.output:
                self._read(running, watch)
            else:
                self._wake(handle)

    def _read(self, running: _Running, watch: Watch) -> bool:
        if running.output is None:
            return False
        data = os.read(running.output, CHUNK)
        if data:
            watch.received(data)
            return True
        closing(running.output)
        running.output = None
        return False

    def _wake(self, handle: int) -> None:
        if handle == self._leash:
            if not os.read(handle, 4096):
                self._leash = None
                self._ask(LEASH)
            return
        for number in self.signals.read():
            if number == signal.SIGINT:
                self._ask(INTERRUPTED)
            elif number != signal.SIGCHLD:
                self._ask(TERMINATED)

    def _ask(self, reason: str) -> None:
        self.stop = self.stop or reason
        if reason == LEASH:
            self._grace = min(self._grace, LOST_LEASH_GRACE)

    def _advance(self, running: _Running, watch: Watch) -> None:
        now = time.monotonic()
        self.children.reap()
        if running.exited_at is None and self.children.status(running.pid) is not None:
            running.exited_at = now
        reason = watch.tick(now)
        if reason is not None and running.exited_at is None:
            self._ask(reason)
        if self.stop is not None and running.exited_at is None:
            self._stop_step(running, now)

    def _stop_step(self, running: _Running, now: float) -> None:
        if running.stop_at is None:
            running.stop_at = now
            self._write_stop_file()
            send(running.pid, signal.SIGTERM)
        running.grace = min(running.grace, self._grace)
        waited = now - running.stop_at
        if waited > running.grace + (HANG_REPORT if running.aborted else 0.0):
            if self.stop in HUNG and not running.aborted:
                running.aborted = True
                send(running.pid, signal.SIGABRT)
            else:
                self.children.destroy()
        elif waited > running.grace / 2 and not running.widened:
            running.widened = True
            self.children.signal_all(signal.SIGTERM, but=[running.pid])

    def _write_stop_file(self) -> None:
        if self._stop_file is None:
            return
        try:
            self._stop_file.write_text(f"{self.stop}\n", encoding="utf-8")
        except OSError:
            return

    def _sweep(self, running: _Running, watch: Watch) -> list[str]:
        """End what the command left running: gently while there is grace, then for good."""
        left: list[str] = []
        if self.stop is None:
            self._until_gone(running, watch, (running.exited_at or 0.0) + DRAIN)
            left = [line for line in map(linux.command_line, self.children.alive()) if line]
        grace = running.grace if self.stop else min(running.grace, DRAIN)
        if self.children.signal_all(signal.SIGTERM):
            self._until_gone(running, watch, (running.stop_at or time.monotonic()) + grace)
        self.children.destroy()
        while running.output is not None and select.select([running.output], [], [], 0)[0]:
            self._read(running, watch)
        closing(*([] if running.output is None else [running.output]))
        return left

    def _until_gone(self, running: _Running, watch: Watch, deadline: float) -> None:
        while self.children.alive() and time.monotonic() < deadline:
            self._wait(running, watch)
            self.children.reap()
