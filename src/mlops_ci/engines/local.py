"""Jobs as processes of this machine: what the engines `host` and `inside` share."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mlops_ci import process
from mlops_ci.engines import cgroups, jobfiles, leftovers
from mlops_ci.engines.base import Job, JobResult, Limits, Person
from mlops_ci.engines.conversation import converse
from mlops_ci.engines.defaults import defaults
from mlops_ci.engines.guestfile import guest_file
from mlops_ci.engines.leases import leased_gpus
from mlops_ci.engines.local_running import RunningProcess
from mlops_ci.engines.owner import Owner
from mlops_ci.engines.supervise import supervise

KILLED = 137
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a guest runs: the interpreter, and what makes its environment from a marker and the leased GPUs."""

    python: Path
    environment: Callable[[str, tuple[str, ...]], Mapping[str, str]]


def run_local(job: Job, place: Place, on_line: Say, *, project: Path, say: Say) -> JobResult:
    """Run the job in a process of its own session; nothing that it started is left when this returns or raises."""

    def watch(running: RunningProcess) -> bool:
        return supervise(running, on_line, deadline=job.deadline, grace=jobfiles.grace_of(job))

    return _run(job, place, watch, project=project, say=say)


def converse_local(job: Job, place: Place, person: Person, *, project: Path, say: Say) -> JobResult:
    """The same with a person at a terminal."""

    def watch(running: RunningProcess) -> bool:
        converse(running, person, grace=jobfiles.grace_of(job))
        return False

    return _run(job, place, watch, project=project, say=say)


def _run(job: Job, place: Place, watch: Callable[[RunningProcess], bool], *, project: Path, say: Say) -> JobResult:
    guest = guest_file(project)
    paths = {mount.name: str(mount.source.resolve()) for mount in job.mounts}
    marker = f"{Owner.current().text()}/{secrets.token_hex(8)}"
    with leased_gpus(job, say) as gpus, cgroups.memory_group(job.limits.memory_bytes) as group:
        task = jobfiles.write_task(job, paths)
        started = time.monotonic()
        child = process.start([place.python, guest, "run", task], environment=place.environment(marker, gpus))
        running = RunningProcess(child, marker=marker)
        try:
            _confine(child, job.limits, group, say)
            overdue = watch(running)
            seconds = time.monotonic() - started
            running.end_leftovers()
        finally:
            running.close()
        out_of_memory = group is not None and group.killed()
    reading = jobfiles.read_outcome(job)
    polled = running.poll()
    exit_code = KILLED if polled is None else polled
    return JobResult(
        exit_code=exit_code,
        outcome=reading.outcome,
        seconds=seconds,
        gpus=gpus,
        lost=jobfiles.lost_reason(job, exit_code, reading, out_of_memory=out_of_memory),
        out_of_memory=out_of_memory,
        overdue=overdue,
    )


def sweep_local() -> int:
    """End what jobs of dead processes of ours left running, and remove their control groups."""
    ended = leftovers.end(leftovers.of_dead_owners, patience=defaults().stop_keeper)
    return ended + cgroups.sweep()


def _confine(child: subprocess.Popen[bytes], limits: Limits, group: cgroups.MemoryGroup | None, say: Say) -> None:
    """Put limits on a guest that is still starting."""
    if limits.memory_bytes is not None and (group is None or not group.add(child.pid)):
        say("the memory limit is not enforced: this user may not make control groups here")
    if limits.cpus is not None:
        with suppress(ProcessLookupError):
            os.sched_setaffinity(child.pid, _cores(limits.cpus))


def _cores(cpus: float) -> set[int]:
    """As many of our cores as the job may use, rounded up; jobs that run at the same time start at different ones."""
    mine = sorted(os.sched_getaffinity(0))
    count = min(len(mine), max(1, -int(-cpus // 1)))
    first = os.getpid() % len(mine)
    return {mine[(first + step) % len(mine)] for step in range(count)}
