"""A task of kind `shell`: a person's shell, or one command, where the stage's own command would run."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shlex
import shutil
import signal
import struct
import termios
import time

from mlops_ci.guest import environment, exits, frames, outcome
from mlops_ci.guest.classify import Verdict
from mlops_ci.guest.commands import BadCommandError, placeholders, resolve, split
from mlops_ci.guest.processes.children import Children, closing, exit_code_of, shell_code
from mlops_ci.guest.processes.outlet import Outlet
from mlops_ci.guest.processes.signals import SignalPipe
from mlops_ci.guest.processes.supervisor import Supervisor, Watch
from mlops_ci.guest.task import ShellRequest, Task

TICK = 0.5
CHUNK = 65536
HANG_UP_GRACE = 2.0
DRAIN = 0.5
SHELLS = ("bash", "sh")
NOT_FOUND = 127


class ShellJob:
    """Runs one task; `run` gives the exit code of what ran, after the outcome was written."""

    def __init__(self, task: Task, leash: int) -> None:
        self.task = task
        self.request = task.shell or ShellRequest()
        self.leash = leash
        self._environment = environment.job_environment(task, os.environ, environment.short_tmpdir(task))

    def run(self) -> int:
        """Run it to its end."""
        try:
            code = self._terminal() if self.request.terminal else self._command()
        except BadCommandError as error:
            os.write(1, f"mlops-ci: {error}. {error.hint}\n".encode())
            code = NOT_FOUND
        cause = "" if code == exits.OK else f"ended with exit code {code}"
        return outcome.finish(
            self.task.paths.job,
            outcome.Outcome(run=self.task.run, stage=self.task.stage),
            Verdict("ended", code, cause, ""),
        )

    def _command(self) -> int:
        """One command without a terminal, ended as every job is when the leash is lost."""
        supervisor = Supervisor(leash=self.leash, grace=self.task.grace)
        folder = self.task.paths.work
        try:
            argv = resolve(list(self.request.argv), self._environment, folder)
            ended = supervisor.run(
                argv, environment=self._environment, folder=str(folder), watch=_Through(supervisor.outlet)
            )
        except OSError as error:
            raise BadCommandError(f"{self.request.argv[0]} cannot be started: {error.strerror}") from error
        finally:
            supervisor.close()
        return exits.TERMINATED if supervisor.stop and ended.code == 0 else shell_code(ended.code)

    def _terminal(self) -> int:
        """A shell on a pseudo-terminal of its own."""
        shell = next((path for path in map(self._found, SHELLS) if path), None)
        if shell is None:
            raise BadCommandError("there is neither bash nor sh here", "Run one command: mlops-ci shell -- COMMAND.")
        variables = {**self._environment, "TERM": self.request.terminal or "dumb", "SHELL": shell}
        conversation = _Conversation(self.leash)
        conversation.say(self._introduction())
        return conversation.run([shell], variables, str(self.task.paths.work))

    def _found(self, name: str) -> str | None:
        return shutil.which(name, path=self._environment.get("PATH"))

    def _introduction(self) -> str:
        lines = [f"The stage {self.task.stage} runs here:" if self.task.commands else "The stage runs no command here."]
        for command in self.task.commands:
            try:
                lines.append(f"  {shlex.join(split(command.command, placeholders(self.task)))}")
            except BadCommandError as error:
                lines.append(f"  {command.command}   ({error})")
        return "".join(f"{line}\r\n" for line in lines)


class _Through(Watch):
    """Hands output on as it comes."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet

    def received(self, data: bytes) -> None:
        self._outlet.write(data)


class _Conversation:
    """Between the leash, which brings what is typed, and a program on a pseudo-terminal.

    What is typed is always taken, however slow the program is: nobody may wait in front of a full pipe, since the end
    of the leash is seen only by whoever reads it.
    """

    def __init__(self, leash: int) -> None:
        self._leash: int | None = leash
        self._children = Children()
        self._signals = SignalPipe()
        self._outlet = Outlet()
        self._frames = frames.FrameReader()
        self._typed = b""
        self._master, self._slave = pty.openpty()
        self._hung_up_at: float | None = None

    def say(self, text: str) -> None:
        """A text of ours for the person."""
        self._outlet.write(text.encode())

    def run(self, argv: list[str], variables: dict[str, str], folder: str) -> int:
        """The exit code of the program, as a shell shows it."""
        os.set_blocking(self._master, False)
        pid = self._children.start(argv, environment=variables, folder=folder, output=None, terminal=self._slave)
        closing(self._slave)
        ended_at: float | None = None
        output = True
        while ended_at is None or (output and time.monotonic() < ended_at + DRAIN):
            output = self._step() and output
            self._children.reap()
            if ended_at is None and self._children.status(pid) is not None:
                ended_at = time.monotonic()
            if self._hung_up_at is not None and time.monotonic() > self._hung_up_at + HANG_UP_GRACE:
                self._children.destroy()
        self._children.destroy()
        self._outlet.flush(2.0)
        closing(self._master)
        return shell_code(exit_code_of(self._children.status(pid) or 0))

    def _step(self) -> bool:
        """Wait for something and deal with it; False when the terminal has nobody left on it."""
        readable = [self._signals.handle] + ([] if self._leash is None else [self._leash])
        readable += [] if self._outlet.full else [self._master]
        writable = [self._outlet.handle] if self._outlet.waiting and self._outlet.open else []
        writable += [self._master] if self._typed else []
        ready, free, _ = select.select(readable, writable, [], TICK)
        if self._outlet.handle in free:
            self._outlet.flush()
        if self._master in free:
            self._hand_on()
        if self._leash is not None and self._leash in ready:
            self._take(self._leash)
        if self._signals.handle in ready and set(self._signals.read()) - {signal.SIGCHLD}:
            self._hang_up()
        return self._show() if self._master in ready else True

    def _take(self, leash: int) -> None:
        data = os.read(leash, CHUNK)
        if not data:
            self._leash = None
            self._hang_up()
        for kind, content in self._frames.feed(data):
            if kind == frames.TYPED:
                self._typed += content
            elif kind == frames.SIZE:
                rows, columns = frames.DIMENSIONS.unpack(content)
                fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _hand_on(self) -> None:
        try:
            self._typed = self._typed[os.write(self._master, self._typed[:CHUNK]) :]
        except BlockingIOError:
            return
        except OSError:
            self._typed = b""

    def _show(self) -> bool:
        try:
            data = os.read(self._master, CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._outlet.write(data)
        return bool(data)

    def _hang_up(self) -> None:
        """As when a terminal's window is closed."""
        if self._hung_up_at is None:
            self._hung_up_at = time.monotonic()
            self._children.signal_all(signal.SIGHUP)
