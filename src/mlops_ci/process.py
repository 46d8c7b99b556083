"""The one place that starts other programs: argv lists only, output streamed and kept, polite and then firm endings.

A child leads its own process group, so that ending it ends what it started. On Ctrl-C or SIGTERM the child gets TERM,
some seconds of grace, then KILL.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mlops_ci.errors import InfrastructureError, MissingError
from mlops_ci.redaction import Redactor

KEPT_LINES = 2_000
GRACE_SECONDS = 5.0


class ProgramMissingError(MissingError):
    """A program that is needed is not on this machine's PATH."""


class ProgramFailedError(InfrastructureError):
    """A program that we started ended with an error that nobody handled closer to the cause."""

    def __init__(self, finished: Finished, *, hint: str = "") -> None:
        how = "ran out of time" if finished.timed_out else f"ended with exit code {finished.exit_code}"
        super().__init__(f"`{finished.shown}` {how}", hint=hint, details=finished.tail(40))
        self.finished = finished


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a program ended. `stdout` and `stderr` are whole up to `KEPT_LINES` lines each, decoded with replacement."""

    argv: tuple[str, ...]
    shown: str
    exit_code: int
    stdout: str
    stderr: str
    seconds: float
    timed_out: bool = False

    def tail(self, lines: int) -> tuple[str, ...]:
        """The last lines of what it said: standard error, else standard output."""
        text = self.stderr if self.stderr.strip() else self.stdout
        return tuple(text.splitlines()[-lines:])


def resolve(program: str, *, hint: str = "", path: str | None = None) -> str:
    """The absolute path of `program`; raises `ProgramMissingError` with the PATH that was searched."""
    found = shutil.which(program, path=path)
    if found is None:
        raise ProgramMissingError(
            f"the program `{program}` is not on PATH ({path or os.environ.get('PATH', '')})",
            hint=hint or f"install `{program}`, or put it on PATH",
        )
    return found


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
    stdin: bytes | None = None,
    on_line: Callable[[str], None] | None = None,
    check: bool = True,
    redactor: Redactor | None = None,
    echo: Callable[[str], None] | None = None,
    leashed: bool = False,
    grace: float = GRACE_SECONDS,
    hint: str = "",
) -> Finished:
    """Run a program to its end.

    `environment` replaces the environment whole (start from `os.environ` to add). `on_line` gets each line of standard
    output and standard error as it comes. `echo` gets the quoted command before it starts, with secrets removed. A
    `leashed` program is killed by the kernel when this process is (Linux; for what runs long, it costs 20 ms). One that
    is late gets `grace` seconds to end by itself. What does not even end when it is killed, since it hangs in a driver,
    is left behind.
    Raises `ProgramMissingError` when it can't be found and, with `check`, `ProgramFailedError` when it fails.
    """
    words = [str(word) for word in argv]
    search = (environment or os.environ).get("PATH")
    words[0] = words[0] if os.sep in words[0] else resolve(words[0], hint=hint, path=search)
    cleaner = redactor or Redactor()
    shown = shlex.join(cleaner.clean_argv([Path(words[0]).name, *words[1:]]))
    if echo is not None:
        echo(f"+ {shown}")
    started = time.monotonic()
    try:
        child = subprocess.Popen(
            [*_leash(), *words] if leashed else words,
            cwd=cwd,
            env=dict(environment) if environment is not None else None,
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise ProgramMissingError(f"`{shown}` could not be started: {error.strerror}", hint=hint) from error
    collected = _Collector(child, on_line)
    try:
        timed_out = _wait(child, stdin, timeout, grace)
    finally:
        collected.join(grace)
    finished = Finished(
        argv=tuple(words),
        shown=shown,
        exit_code=-signal.SIGKILL if child.returncode is None else child.returncode,
        stdout=cleaner.clean(collected.stdout()) if cleaner.secrets else collected.stdout(),
        stderr=cleaner.clean(collected.stderr()) if cleaner.secrets else collected.stderr(),
        seconds=time.monotonic() - started,
        timed_out=timed_out,
    )
    if check and (timed_out or finished.exit_code != 0):
        raise ProgramFailedError(finished, hint=hint)
    return finished


def start(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    output: int | IO[bytes] = subprocess.PIPE,
    pass_fds: Sequence[int] = (),
    hint: str = "",
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own and hand it to the caller, who must end it.

    Its standard input is a pipe: who holds the other end holds its leash. Standard output and standard error go
    together to `output`, by default a pipe to read from. It inherits the descriptors `pass_fds`, and with them the file
    locks they hold. Raises `ProgramMissingError`.
    """
    words = [str(word) for word in argv]
    try:
        return subprocess.Popen(
            words,
            cwd=cwd,
            env=dict(environment) if environment is not None else None,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            bufsize=0,
            pass_fds=tuple(pass_fds),
            start_new_session=True,
        )
    except OSError as error:
        raise ProgramMissingError(f"`{words[0]}` could not be started: {error.strerror}", hint=hint) from error


def end_group(pid: int, *, grace: float = GRACE_SECONDS, gone: Callable[[], bool] | None = None) -> None:
    """End the process group that `pid` leads: TERM, up to `grace` seconds, then KILL. `gone` says when it has ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while gone is not None and time.monotonic() < deadline:
        if gone():
            break
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _leash() -> list[str]:
    """The start of a command line that ties the rest of it to the life of this thread (prctl PR_SET_PDEATHSIG)."""
    if sys.platform != "linux":
        return []
    # Whoever lost its parent before the request was made would never get the signal: hence the second look.
    tie = (
        "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); "
        "os.getppid() == int(sys.argv[1]) or sys.exit(1); os.execv(sys.argv[2], sys.argv[2:])"
    )
    return [sys.executable, "-I", "-S", "-c", tie, str(os.getpid())]


def _wait(child: subprocess.Popen[bytes], stdin: bytes | None, timeout: float | None, grace: float) -> bool:
    """Feed and wait; True when the time ran out. Whatever interrupts us, the child and its group end first."""
    try:
        if stdin is not None and child.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(stdin)
                child.stdin.close()
        child.wait(timeout)
    except subprocess.TimeoutExpired:
        end_group(child.pid, grace=grace, gone=lambda: child.poll() is not None)
        # What sleeps in the kernel (state D) cannot be killed, and nobody can wait for it.
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(grace)
        return True
    except BaseException:
        end_group(child.pid, gone=lambda: child.poll() is not None)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(grace)
        raise
    return False


class _Collector:
    """Reads both pipes of a child in threads, so that neither can block it."""

    def __init__(self, child: subprocess.Popen[bytes], on_line: Callable[[str], None] | None) -> None:
        self._kept: dict[str, deque[str]] = {"stdout": deque(maxlen=KEPT_LINES), "stderr": deque(maxlen=KEPT_LINES)}
        self._on_line = on_line
        self._threads = [
            threading.Thread(target=self._read, args=(name, getattr(child, name)), daemon=True) for name in self._kept
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, name: str, stream: IO[bytes]) -> None:
        with contextlib.suppress(ValueError, OSError), stream:
            for raw in stream:
                line = raw.decode("utf-8", errors="replace").rstrip("\r\n")
                self._kept[name].append(line)
                if self._on_line is not None:
                    self._on_line(line)

    def join(self, grace: float) -> None:
        deadline = time.monotonic() + grace
        for thread in self._threads:
            thread.join(timeout=max(0.0, deadline - time.monotonic()))

    def stdout(self) -> str:
        return "\n".join(self._kept["stdout"])

    def stderr(self) -> str:
        return "\n".join(self._kept["stderr"])
