"""The files between us and the guest: `task.json` goes in, `outcome.json` comes out."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from mlops_ci.engines.base import Job
from mlops_ci.files import write_json
from mlops_ci.guest import layout
from mlops_ci.guest.task import DEFAULT_GRACE

LARGEST_OUTCOME = 16 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the guest left: an outcome, or why it is none."""

    outcome: Mapping[str, Any] | None
    problem: str | None


def write_task(job: Job, paths: Mapping[str, str]) -> Path:
    """Write `task.json` with the folders as the job sees them; an outcome of an earlier attempt is removed."""
    folder = job.folder("job")
    (folder / layout.OUTCOME).unlink(missing_ok=True)
    write_json(folder / layout.TASK, {**job.task, "paths": dict(paths)})
    return folder / layout.TASK


def grace_of(job: Job) -> float:
    """The seconds that the task gives the job to save its work after a request to stop."""
    grace = job.task.get("grace")
    return DEFAULT_GRACE if grace is None else max(0.0, float(grace))


def read_outcome(job: Job) -> Reading:
    """The guest's outcome, if it is one: a regular file (no link that the job made) with one strict JSON object."""
    try:
        data = _content(job.folder("job") / layout.OUTCOME)
        outcome = json.loads(data.decode("utf-8"), parse_constant=_not_json)
    except FileNotFoundError:
        return Reading(outcome=None, problem=None)
    except (OSError, ValueError, RecursionError) as error:
        return Reading(outcome=None, problem=f"it wrote an {layout.OUTCOME} that is none: {error}")
    if not isinstance(outcome, dict):
        return Reading(outcome=None, problem=f"it wrote an {layout.OUTCOME} that is none: not an object")
    return Reading(outcome=outcome, problem=None)


def lost_reason(job: Job, exit_code: int, reading: Reading, *, out_of_memory: bool) -> str | None:
    """Why there is no outcome; None when there is one."""
    if reading.outcome is not None:
        return None
    if reading.problem is not None:
        return f"the guest ended with exit code {exit_code}; {reading.problem}"
    if out_of_memory:
        limit = job.limits.memory_bytes
        size = "" if limit is None else f" of {limit / 2**30:.2f} GiB"
        return f"the guest was killed at the memory limit{size} (exit code {exit_code})"
    if exit_code > 128:
        return f"the guest was killed from outside by signal {exit_code - 128} (exit code {exit_code})"
    return f"the guest ended with exit code {exit_code} and wrote no {layout.OUTCOME}"


def _content(path: Path) -> bytes:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError("not a regular file")
        data = stream.read(LARGEST_OUTCOME + 1)
    if len(data) > LARGEST_OUTCOME:
        raise ValueError(f"longer than {LARGEST_OUTCOME} bytes")
    return data


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
