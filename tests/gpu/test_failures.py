"""Trainings that fail on a real GPU: each gets its class, and the GPU that it used is named."""

from __future__ import annotations

from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent / "scripts"
ENDS = {
    "memory_full": ("out-of-memory-device", 20, "smaller batch"),
    "no_memory_for_cublas": ("out-of-memory-device", 20, "smaller batch"),
    "index_beyond_embedding": ("bad-data", 20, "vocabulary"),
    "label_beyond_classes": ("bad-data", 20, "number of classes"),
    "stray_write": ("user-error", 20, "compute-sanitizer"),
    "loss_not_finite": ("non-finite", 20, "diverged"),
    "killed_in_kernel": ("killed", 20, "resumes"),
    "two_ranks_one_gpu": ("user-error", 20, "LOCAL_RANK"),
    "idle": ("stalled", 21, "gpu-idle"),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_failure_on_a_gpu_has_its_class(job, python_with_torch, name):
    class_, exit_code, hint = ENDS[name]
    job.python = python_with_torch
    job.script((SCRIPTS / f"{name}.py").read_text())
    job.task.update(expect={"gpus": 1}, gpu_idle=4)
    if name == "two_ranks_one_gpu":
        job.task["launch"] = {"processes": 2, "nodes": 1, "node": 0, "rendezvous": None, "backend": "nccl"}
    code, shown = job.run(limit=90)
    outcome = job.outcome()
    assert (outcome["class"], code) == (class_, exit_code), shown
    assert hint in outcome["hint"]
    assert not any("CPU" in warning for warning in outcome["warnings"])
    assert outcome["devices"] == [] or outcome["devices"][0].startswith("GPU-")
