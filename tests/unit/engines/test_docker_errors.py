"""Refusals of the engine have a class and a next step. The texts are those that real engines answered with."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_ci.engines.base import EngineRefusedError, EnvironmentMissingError, Job, Mount
from mlops_ci.engines.docker_errors import (
    DriverTooOldError,
    NvidiaRuntimeMissingError,
    SharedFolderError,
    check_started,
    refusal,
)
from mlops_ci.engines.jobfiles import Reading

JOB = Job(
    run="r", stage="train", ref="image:1", task={}, mounts=(Mount(name="job", source=Path("/j"), read_only=False),)
)


@pytest.mark.parametrize(
    ("said", "kind", "code", "next_step"),
    [
        ('could not select device driver "" with capabilities: [[gpu]]', NvidiaRuntimeMissingError, 3, "nvidia-ctk"),
        (
            "OCI runtime create failed: nvidia-container-cli: initialization error: nvml error: driver not loaded",
            NvidiaRuntimeMissingError,
            3,
            "nvidia-smi",
        ),
        (
            "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=13.0, please update: unknown",
            DriverTooOldError,
            3,
            "[image] variant",
        ),
        (
            'invalid mount config for type "bind": bind source path does not exist: /builds/x',
            SharedFolderError,
            3,
            "--engine host",
        ),
        ("no space left on device", EngineRefusedError, 10, "doctor"),
    ],
)
def test_refusals(said: str, kind: type[Exception], code: int, next_step: str):
    error = refusal(said, JOB)

    assert type(error) is kind
    assert error.exit_code == code
    assert said in error.cause
    assert next_step in error.hint


@pytest.mark.parametrize("code", [126, 127])
def test_a_guest_that_could_not_be_started_is_the_images_fault(code: int):
    with pytest.raises(EnvironmentMissingError, match="image:1"):
        check_started(JOB, code, Reading(outcome=None, problem=None))


def test_the_same_exit_code_with_an_outcome_is_the_jobs_own():
    check_started(JOB, 127, Reading(outcome={"class": "ok"}, problem=None))
    check_started(JOB, 1, Reading(outcome=None, problem=None))
