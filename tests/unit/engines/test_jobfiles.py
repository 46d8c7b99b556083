"""The task goes in whole; only a real outcome comes out."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci.engines import jobfiles
from mlops_ci.engines.base import Job, Limits, Mount


@pytest.fixture
def job(tmp_path: Path) -> Job:
    mount = Mount(name="job", source=tmp_path, read_only=False)
    return Job(run="r", stage="train", ref="", task={"grace": 2, "kind": "command"}, mounts=(mount,))


def test_the_task_gets_its_paths_and_an_old_outcome_goes(job: Job, tmp_path: Path):
    (tmp_path / "outcome.json").write_text("{}")

    path = jobfiles.write_task(job, {"job": "/mlops/job"})

    assert json.loads(path.read_text()) == {"grace": 2, "kind": "command", "paths": {"job": "/mlops/job"}}
    assert path.stat().st_mode & 0o777 == 0o644, "another user runs the job"
    assert not (tmp_path / "outcome.json").exists()
    assert [one.name for one in tmp_path.iterdir()] == ["task.json"]


def test_no_outcome(job: Job):
    assert jobfiles.read_outcome(job) == jobfiles.Reading(outcome=None, problem=None)


def test_an_outcome(job: Job, tmp_path: Path):
    (tmp_path / "outcome.json").write_text('{"exit_code": 20, "class": "user-code"}')

    reading = jobfiles.read_outcome(job)

    assert reading.outcome == {"exit_code": 20, "class": "user-code"}
    assert jobfiles.lost_reason(job, 20, reading, out_of_memory=True) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[1]",
        b"null",
        b'{"loss": NaN}',
        b'{"loss": -Infinity}',
        b"\xff\xfe{}",
        b"[" * 100_000,
        b'{} {"a": 1}',
    ],
)
def test_garbage_is_no_outcome(job: Job, tmp_path: Path, data: bytes):
    (tmp_path / "outcome.json").write_bytes(data)

    reading = jobfiles.read_outcome(job)

    assert reading.outcome is None
    assert "that is none" in (jobfiles.lost_reason(job, 0, reading, out_of_memory=False) or "")


def test_what_is_no_file_of_its_own_is_no_outcome(job: Job, tmp_path: Path):
    path = tmp_path / "outcome.json"
    (tmp_path / "other.json").write_text("{}")
    for make in (lambda: path.symlink_to("other.json"), path.mkdir, lambda: os.mkfifo(path)):
        make()
        assert jobfiles.read_outcome(job).problem is not None
        path.rmdir() if path.is_dir() else path.unlink()


def test_an_endless_outcome_is_not_read(job: Job, tmp_path: Path):
    with (tmp_path / "outcome.json").open("wb") as stream:
        stream.truncate(jobfiles.LARGEST_OUTCOME + 1)

    assert "longer than" in (jobfiles.read_outcome(job).problem or "")


@pytest.mark.parametrize(
    ("code", "oom", "expected"),
    [
        (137, False, "killed from outside by signal 9 (exit code 137)"),
        (137, True, "killed at the memory limit of 2.00 GiB (exit code 137)"),
        (143, False, "killed from outside by signal 15"),
        (1, False, "ended with exit code 1 and wrote no outcome.json"),
    ],
)
def test_why_there_is_none(job: Job, code: int, oom: bool, expected: str):
    limited = replace(job, limits=Limits(memory_bytes=2 << 30))
    reading = jobfiles.Reading(outcome=None, problem=None)

    assert expected in (jobfiles.lost_reason(limited, code, reading, out_of_memory=oom) or "")


@pytest.mark.parametrize(
    ("task", "grace"), [({"grace": 2}, 2.0), ({"grace": 0}, 0.0), ({"grace": -1}, 0.0), ({}, 30.0)]
)
def test_grace(job: Job, task: dict[str, int], grace: float):
    assert jobfiles.grace_of(replace(job, task=task)) == grace
