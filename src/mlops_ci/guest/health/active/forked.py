"""A rank as a fork of this process: on a CPU it saves each rank the seconds that importing torch takes."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Optional


class Forked:
    """A child of ours with as much of `subprocess.Popen` as is needed to watch and to end it."""

    def __init__(self, action: Callable[[], int], environment: Mapping[str, str], out: int, err: int) -> None:
        """Run `action` in a fork, with this environment added and its output in these files."""
        sys.stdout.flush()
        sys.stderr.flush()
        self.returncode: Optional[int] = None
        self.pid = os.fork()
        if self.pid == 0:
            _become(action, environment, out, err)

    def poll(self) -> Optional[int]:
        """The exit code (negative: the signal), or None while it runs."""
        return self._waited(os.WNOHANG)

    def wait(self) -> Optional[int]:
        """The exit code, when it has ended."""
        return self._waited(0)

    def kill(self) -> None:
        """End it, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def _waited(self, options: int) -> Optional[int]:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        return self.returncode


def _become(action: Callable[[], int], environment: Mapping[str, str], out: int, err: int) -> None:
    code = 1
    try:
        os.environ.update(environment)
        os.dup2(out, 1)
        os.dup2(err, 2)
        code = action()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        # Nothing of the parent's is to be cleaned up twice.
        os._exit(code)
