"""One run of a command: its output to our standard output and to a log, signals handed on, its exit code kept."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

# What a shell gives for a command that is not there, or that cannot be started.
NOT_FOUND, NOT_STARTED = 127, 126
CHUNK = 65536
# What asks for the end of a run, or for a checkpoint.
HANDED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)


def log_file(folder: Path, task: str, at: datetime | None = None) -> Path:
    """The log of a run that starts now."""
    moment = at or datetime.now(UTC)
    return folder / task / f"{moment:%Y-%m-%dT%H-%M-%SZ}.log"


def forget_old_logs(folder: Path, task: str, keep: int) -> None:
    """Keep the newest logs of a task."""
    for path in sorted((folder / task).glob("*.log"))[:-keep]:
        path.unlink(missing_ok=True)


class Run:
    """A command that has been started, in a process group of its own: ending it ends what it started.

    `asked`: a signal has been handed on to it.
    """

    def __init__(self, command: Sequence[str], *, log: Path | None) -> None:
        self.asked = False
        self._child: subprocess.Popen[bytes] | None = None
        self._failed = 0
        self._log = None
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
            self._log = log.open("ab", buffering=0)
        try:
            self._child = subprocess.Popen(
                list(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
            )
        except OSError as error:
            self._failed = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_STARTED
            self._write(f"{command[0]}: {error.strerror}\n".encode())
            return
        self._reader = threading.Thread(target=self._copy, daemon=True)
        self._reader.start()

    def poll(self) -> int | None:
        """The exit code (128 and the signal's number for one that a signal ended), None while it runs."""
        if self._child is None:
            return self._failed
        code = self._child.poll()
        if code is None:
            return None
        self._reader.join(timeout=5)
        return 128 - code if code < 0 else code

    def signal(self, number: int) -> None:
        """Hand a signal on to all of it."""
        self.asked = True
        if self._child is not None and self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, number)

    def to_its_end(self) -> int:
        """Wait for it; its exit code."""
        if self._child is not None:
            self._child.wait()
        code = self.poll()
        return code if code is not None else NOT_STARTED

    def _copy(self) -> None:
        stream = self._child.stdout if self._child is not None else None
        while stream is not None and (data := os.read(stream.fileno(), CHUNK)):
            self._write(data)

    def _write(self, data: bytes) -> None:
        """To both; a full disk below the log does not end the training, and says so once."""
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        if self._log is not None:
            try:
                self._log.write(data)
            except OSError as error:
                print(f"mlops-train: the log cannot be written any more: {error.strerror}", file=sys.stderr)
                self._log = None


def run(command: Sequence[str], *, log: Path | None) -> int:
    """Run it to its end, handing on signals, also those that come while it is being started; its exit code."""
    early: list[int] = []
    started: list[Run] = []

    def hand_on(number: int, _frame: object) -> None:
        if started:
            started[0].signal(number)
        else:
            early.append(number)

    for number in HANDED_ON:
        signal.signal(number, hand_on)
    started.append(Run(command, log=log))
    for number in early:
        started[0].signal(number)
    return started[0].to_its_end()
