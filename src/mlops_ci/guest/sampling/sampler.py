"""One line of system.jsonl a second: processor, memory and GPUs of the job, and the peaks for the outcome."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path
from typing import Any

from mlops_ci.guest.files import append_line
from mlops_ci.guest.processes import linux
from mlops_ci.guest.sampling import cgroup
from mlops_ci.guest.sampling.gpus import GpuSampler
from mlops_ci.guest.sampling.tree import TreeMeter, processor_name

ENOUGH_LOOKS = 10
"""With fewer looks at the GPUs, that none was seen in use says nothing: most of a short job is its imports."""


class Sampler:
    """Samples the tree below this process. Memory is the control group's where that holds only us, else the tree's."""

    def __init__(self, path: Path, seconds: float) -> None:
        self.peak_memory_bytes = 0
        self.memory_limit_bytes: int | None = None
        self._path = path
        self._seconds = seconds
        self._meter = TreeMeter(os.getpid())
        self.gpus = GpuSampler(seconds)
        self._next = 0.0
        self._group = cgroup.memory_group()
        self._oom_kills = self._count_kills()
        self._machine_kills = cgroup.machine_oom_kills()
        self._own_group = cgroup.owned(self._group, _tree())
        if self._group is not None:
            self.memory_limit_bytes = self._group.limit_bytes()

    def start(self) -> None:
        """Begin to sample; call after the last fork that must not see a thread."""
        self.gpus.start()

    def stop(self) -> None:
        """End sampling."""
        self.gpus.stop()

    def tick(self, now: float) -> None:
        """Take a sample when one is due (`now` is monotonic)."""
        if now < self._next:
            return
        self._next = now + self._seconds
        percent, memory = self._meter.measure(now)
        if self._own_group and self._group is not None:
            memory = self._group.working_set_bytes() or memory
        self.peak_memory_bytes = max(self.peak_memory_bytes, memory)
        row = {"time": round(time.time(), 3), "cpu_percent": None if percent is None else round(percent, 1)}
        try:
            append_line(self._path, {**row, "memory_bytes": memory, "gpus": self.gpus.rows()})
        except OSError:
            return

    def oom_kills(self) -> int:
        """Kills for lack of memory since the start, in our control group or, seen from afar, on this machine."""
        own = self._count_kills() - self._oom_kills
        return own if own > 0 else cgroup.machine_oom_kills() - self._machine_kills

    def usage(self) -> dict[str, Any]:
        """`cpu_seconds` of all processes that have ended, `peak_memory_bytes` of the samples or of the largest one."""
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        largest = spent.ru_maxrss * 1024
        peak = max(self.peak_memory_bytes, largest)
        return {"cpu_seconds": round(spent.ru_utime + spent.ru_stime, 3), "peak_memory_bytes": peak}

    def devices(self, asked: int) -> tuple[list[str], list[dict[str, Any]]]:
        """What was really used: UUIDs of GPUs that took memory, else `cpu`; and the details of each.

        Nothing where GPUs were asked for and are here, and the job was over before that could be told.
        """
        used = self.gpus.used()
        if used:
            return [str(one["uuid"]) for one in used], used
        if asked and self.gpus.newest and self.gpus.looks < ENOUGH_LOOKS:
            return [], []
        return ["cpu"], [{"name": processor_name() or "cpu", "cores": len(os.sched_getaffinity(0))}]

    def gpus_busy(self) -> bool | None:
        """Whether a GPU of the job has work now; None where none is used, or that cannot be seen."""
        return self.gpus.busy()

    def lost_gpus(self) -> str | None:
        """GPUs that were there at the start and are gone, in words."""
        return ", ".join(self.gpus.lost()) or None

    def device_warning(self, asked: int) -> str | None:
        """A sentence when the job has asked for GPUs and none was seen in use, or none could be observed."""
        if not asked or self.gpus.used():
            return None
        wanted = "a GPU was asked for" if asked == 1 else f"{asked} GPUs were asked for"
        if self.gpus.reason:
            return f"{wanted}; what the job used could not be observed: {self.gpus.reason}"
        if self.gpus.looks < ENOUGH_LOOKS:
            return f"{wanted}; {self.gpus.looks} looks in so short a job saw none in use"
        return f"{wanted} and none was used: this job ran on the CPU"

    def _count_kills(self) -> int:
        return 0 if self._group is None else self._group.oom_kills()


def _tree() -> set[int]:
    """What may be in a control group of our own: us, the warden above, a container's first process, all below."""
    return {1, os.getppid(), os.getpid(), *linux.descendants(os.getpid())}
