"""The few Linux calls that keep a process tree together, and the tree itself as /proc shows it.

prctl(2): PR_SET_PDEATHSIG sends a signal to a child when the thread that started it ends; PR_SET_CHILD_SUBREAPER makes
orphaned descendants ours instead of init's. Elsewhere than on Linux these do nothing and say so.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import signal
import sys
import termios
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
JOB_OOM_SCORE = b"500"
ENDED = ("Z", "X")
"""States of a process that has ended and was not waited for yet."""


def _prctl() -> Callable[..., int] | None:
    if not sys.platform.startswith("linux"):
        return None
    function = ctypes.CDLL(None, use_errno=True).prctl
    function.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong]
    function.restype = ctypes.c_int
    return function


_PRCTL = _prctl()


def become_subreaper() -> bool:
    """Make this process the parent of every orphan below it; False where the system cannot."""
    return _PRCTL is not None and _PRCTL(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def die_with_parent(parent: int, number: int = signal.SIGKILL) -> None:
    """Between fork and exec: end with `number` when `parent` does, also when it already has."""
    if _PRCTL is not None:
        _PRCTL(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), number)


def prepare_job(parent: int, terminal: bool = False) -> None:
    """Between fork and exec of a job: tied to us, no core files, and the kernel's first choice when memory runs out.

    With `terminal`, standard input becomes the terminal that rules the new session (Ctrl-C, background jobs).
    """
    die_with_parent(parent)
    if terminal:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    try:
        handle = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    except OSError:
        return
    try:
        os.write(handle, JOB_OOM_SCORE)
    except OSError:
        pass
    finally:
        os.close(handle)


def processes() -> dict[int, list[int]]:
    """All visible processes as parent -> children; empty where there is no /proc."""
    children: dict[int, list[int]] = defaultdict(list)
    try:
        names = os.listdir("/proc")
    except OSError:
        return {}
    for name in names:
        if name.isdigit():
            fields = stat_fields(int(name))
            if fields is not None:
                children[int(fields[1])].append(int(name))
    return dict(children)


def stat_fields(pid: int) -> list[str] | None:
    """/proc/PID/stat from the state on (state, parent, group, session, ...); None when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes().decode("ascii", "replace")
    except OSError:
        return None
    return text[text.rfind(")") + 2 :].split()


def descendants(of: int) -> list[int]:
    """The living processes below `of`, zombies left out, parents before children."""
    tree = processes()
    found: list[int] = []
    pending = list(tree.get(of, ()))
    while pending:
        pid = pending.pop(0)
        pending.extend(tree.get(pid, ()))
        fields = stat_fields(pid)
        if fields is not None and fields[0] not in ENDED:
            found.append(pid)
    return found


def below(root: int) -> list[int]:
    """The living processes below `root`, as the kernel lists children: cheap on a machine with thousands of others.

    It may miss one whose sibling ends at this moment (proc(5)), so it is good for measuring, not for ending. Where the
    kernel has no such lists, the same as `descendants`.
    """
    if not os.path.exists(f"/proc/{root}/task/{root}/children"):
        return descendants(root)
    found: list[int] = []
    pending = [root]
    while pending:
        children = _children(pending.pop())
        pending.extend(children)
        found.extend(children)
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb", buffering=0) as stream:
                found.extend(map(int, stream.read().split()))
        except OSError:
            continue
    return found


def command_line(pid: int) -> str:
    """The command line of a process, cut to 120 characters, for messages."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return raw.replace(b"\0", b" ").decode("utf-8", "replace").strip()[:120]
