"""Memory, /dev/shm, disk, limits and folders of this node, as the job sees them. No device is touched."""

from __future__ import annotations

import os
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mlops_ci.guest.health.check import BLOCK, PASS, SKIP, WARN, Check
from mlops_ci.guest.sampling.cgroup import MemoryGroup, memory_group
from mlops_ci.guest.task import Expectation, Paths

GIB = 2**30
LITTLE_MEMORY_BYTES = GIB
LITTLE_SHM_BYTES = GIB
"""NCCL in containers wants 1 GiB (stas00/ml-engineering, network/debug); Docker's default is 64 MiB."""

FULL_DISK = 0.95
"""Used share from which a file system is too full (imbue-ai/cluster-health treats it as an error)."""

AVAILABLE_SHARE = 0.9
"""Share of the memory asked for that must be free now: the rest may be page cache that the kernel counts carefully."""

OPEN_FILES = 1024
ROOM = (
    ("stack", resource.RLIMIT_STACK, 8 * 2**20, "bytes", "Start the container with --ulimit stack=67108864."),
    ("processes", resource.RLIMIT_NPROC, 1024, "processes", "Raise it: ulimit -u 4096 (--ulimit nproc in Docker)."),
)
"""Linux' own default stack; NVIDIA's containers recommend eight times that. Threads count as processes."""


def check_host(expect: Expectation, paths: Paths) -> list[Check]:
    """All checks of this module."""
    return [
        memory_total(expect.memory_bytes, total_memory(), memory_group()),
        memory_available(expect.memory_bytes, meminfo().get("MemAvailable")),
        shared_memory(expect.shm_bytes, Path("/dev/shm")),
        *disks(expect.disk_bytes, paths),
        *writable(paths),
        open_files(),
        *room(),
        *locked_memory(expect.gpus),
    ]


def memory_total(expected: int | None, total: int | None, group: MemoryGroup | None) -> Check:
    """The job's limit, or the machine's memory where there is none, against what the job asks for."""
    limit = None if group is None else group.limit_bytes()
    usable = min((one for one in (limit, total) if one is not None), default=None)
    if usable is None:
        return Check("memory.total", SKIP, cause="neither /proc/meminfo nor a control group can be read")
    if expected is not None and usable < expected:
        cause = f"the job asks for {_gib(expected)} and may use {_gib(usable)}"
        advice = "Lower [train] memory, or run where there is more."
        return Check("memory.total", BLOCK, usable, expected, "bytes", cause, advice)
    return Check("memory.total", PASS, usable, expected, "bytes")


def memory_available(expected: int | None, available: int | None) -> Check:
    """What is free now against what the job asks for."""
    if available is None:
        return Check("memory.available", SKIP, cause="/proc/meminfo does not say")
    if expected is not None and available < AVAILABLE_SHARE * expected:
        cause = f"the job asks for {_gib(expected)} and {_gib(available)} are free: something else uses this node"
        advice = "End what runs there, or use another node."
        return Check("memory.available", BLOCK, available, expected, "bytes", cause, advice, node=True)
    if available < LITTLE_MEMORY_BYTES:
        cause = f"only {_gib(available)} of memory are free"
        return Check("memory.available", WARN, available, LITTLE_MEMORY_BYTES, "bytes", cause, "Free some memory.")
    return Check("memory.available", PASS, available, expected, "bytes")


def shared_memory(expected: int | None, folder: Path) -> Check:
    """The size of /dev/shm, through which data loader workers and NCCL pass tensors."""
    try:
        stat = os.statvfs(folder)
    except OSError as error:
        return Check("shm", SKIP, cause=f"{folder} cannot be read: {error.strerror}")
    size = stat.f_blocks * stat.f_frsize
    advice = "Raise [train] shm (in Kubernetes: an emptyDir with medium Memory at /dev/shm)."
    if expected is not None and size < 0.99 * expected:
        cause = f"/dev/shm has {_gib(size)}, the job asks for {_gib(expected)}"
        return Check("shm", BLOCK, size, expected, "bytes", cause, advice)
    if expected is None and size < LITTLE_SHM_BYTES:
        cause = f"/dev/shm has {_gib(size)}: data loader workers and NCCL may fail"
        return Check("shm", WARN, size, LITTLE_SHM_BYTES, "bytes", cause, advice)
    return Check("shm", PASS, size, expected, "bytes")


def disks(expected: int | None, paths: Paths) -> Iterator[Check]:
    """Free space of the folders that the job writes to, one check for each file system."""
    seen: set[int] = set()
    for name in ("output", "checkpoints", "model", "tmp", "job", "work"):
        folder = getattr(paths, name)
        if folder is None:
            continue
        try:
            device = os.stat(folder).st_dev
            stat = os.statvfs(folder)
        except OSError as error:
            if name != "output":
                yield Check(f"disk.{name}", SKIP, cause=f"{folder} cannot be read: {error.strerror}")
            continue
        if device not in seen:
            seen.add(device)
            yield _disk(f"disk.{name}", stat, expected)


def _disk(name: str, stat: os.statvfs_result, expected: int | None) -> Check:
    free = stat.f_bavail * stat.f_frsize
    used = 1 - stat.f_bavail / stat.f_blocks if stat.f_blocks else 0.0
    advice = "Free space (`mlops-ci clean`), or use another node."
    if stat.f_files and not stat.f_favail:
        return Check(name, BLOCK, 0, None, "inodes", "no file can be created: inodes are used up", advice, node=True)
    if expected is not None and free < expected:
        cause = f"the job asks for {_gib(expected)} and {_gib(free)} are free"
        return Check(name, BLOCK, free, expected, "bytes", cause, advice, node=True)
    if used >= FULL_DISK:
        return Check(name, WARN, free, expected, "bytes", f"the file system is {used:.0%} full", advice)
    return Check(name, PASS, free, expected, "bytes")


def writable(paths: Paths) -> Iterator[Check]:
    """Whether the job may write where it has to."""
    for name in ("work", "tmp", "checkpoints", "model"):
        folder = getattr(paths, name)
        if folder is None:
            continue
        try:
            with tempfile.TemporaryFile(dir=str(folder)):
                continue
        except OSError as error:
            cause = f"nothing can be written to {folder}: {error.strerror}"
            yield Check(f"writable.{name}", BLOCK, cause=cause, advice="Check owner and mode of that folder.")


def open_files() -> Check:
    """The limit of open files: data loader workers need descriptors for every tensor that they pass."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        cause = f"only {soft} files may be open at once: data loader workers may fail"
        return Check("ulimit.open-files", WARN, soft, OPEN_FILES, "files", cause, "Raise it: ulimit -n 65536.")
    return Check("ulimit.open-files", PASS, None if soft == resource.RLIM_INFINITY else soft, OPEN_FILES, "files")


def room() -> Iterator[Check]:
    """The stack of a thread, and how many processes and threads this user may have: data loaders and NCCL need both."""
    for name, number, least, unit, advice in ROOM:
        soft, _ = resource.getrlimit(number)
        if soft != resource.RLIM_INFINITY and soft < least:
            cause = f"the limit is {soft} {unit}: data loader workers or NCCL may fail"
            yield Check(f"ulimit.{name}", WARN, soft, least, unit, cause, advice)
        else:
            yield Check(f"ulimit.{name}", PASS, None if soft == resource.RLIM_INFINITY else soft, least, unit)


def locked_memory(gpus: int) -> Iterator[Check]:
    """Pinned memory for several GPUs wants no limit (stas00/ml-engineering, network/debug: memlock=-1)."""
    if gpus < 2:
        return
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft == resource.RLIM_INFINITY:
        yield Check("ulimit.locked-memory", PASS)
    else:
        cause = "locked memory is limited, which can slow down or break transfers between GPUs"
        advice = "Start the container with --ulimit memlock=-1."
        yield Check("ulimit.locked-memory", WARN, soft, None, "bytes", cause, advice)


def total_memory() -> int | None:
    """The machine's main memory in bytes."""
    return meminfo().get("MemTotal")


def meminfo(path: Path = Path("/proc/meminfo")) -> dict[str, int]:
    """/proc/meminfo in bytes (proc(5): its kB are 1,024 bytes)."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    pairs = [line.replace(":", " ").split() for line in lines]
    return {pair[0]: int(pair[1]) * 1024 for pair in pairs if len(pair) == 3 and pair[1].isdigit()}


def _gib(count: float) -> str:
    return f"{count / GIB:.2f} GiB"
