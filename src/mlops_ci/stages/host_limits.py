"""Shared memory and the limits of processes on the host itself."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from mlops_ci.guest.health.check import PASS, SKIP, WARN, Check

GIB = 2**30
SHM = Path("/dev/shm")  # noqa: S108  (looked at, not used)
HALF = 0.5
OPEN_FILES = 1024
LIMITS = {"open files": resource.RLIMIT_NOFILE, "locked memory": resource.RLIMIT_MEMLOCK,
          "stack": resource.RLIMIT_STACK, "processes": resource.RLIMIT_NPROC}  # fmt: skip


def shm_check(folder: Path = SHM) -> Check:
    """Files there are main memory, and outlive the jobs that left them. Containers have a folder of their own."""
    try:
        stat = os.statvfs(folder)
    except OSError as error:
        return Check("host.shm", SKIP, cause=f"{folder} cannot be read: {error.strerror}")
    size, used = stat.f_blocks * stat.f_frsize, (stat.f_blocks - stat.f_bfree) * stat.f_frsize
    return judged_shm(size, used)


def judged_shm(size: int, used: int) -> Check:
    """By how much of it is in use."""
    if used > max(GIB, HALF * size):
        cause = (
            f"files in /dev/shm of this machine hold {used / GIB:.1f} of {size / GIB:.1f} GiB, which are main memory"
        )
        advice = "Remove what ended jobs have left there (ls -l /dev/shm; fuser shows what is in use)."
        return Check("host.shm", WARN, used, int(HALF * size), "bytes", cause, advice)
    return Check("host.shm", PASS, used, int(HALF * size), "bytes", evidence=f"of {size / GIB:.1f} GiB")


def limits_check() -> Check:
    """The limits that this process has, and what it starts on the host inherits."""
    found = {name: resource.getrlimit(number)[0] for name, number in LIMITS.items()}
    shown = ", ".join(f"{name} {_shown(value)}" for name, value in found.items())
    files = found["open files"]
    if files != resource.RLIM_INFINITY and files < OPEN_FILES:
        cause = f"only {files} files may be open at once on this machine"
        return Check("host.ulimits", WARN, shown, None, "", cause, "Raise it: ulimit -n 65536.")
    return Check("host.ulimits", PASS, shown)


def _shown(value: int) -> str:
    return "unlimited" if value == resource.RLIM_INFINITY else str(value)
