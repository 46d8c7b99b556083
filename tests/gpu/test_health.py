"""A real GPU that is well: no alarm, within the budget; and what hides it or fills it is told."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from support.cli import clean_environment

GRACE = 5
"""Seconds beyond its budget in which a health check ends, whatever hangs."""

UNTOLD = {"pages.retired", "nvlink", "fabric", "nvlink.errors", "mig", "ecc.mode", "ecc.sram", "inforom"}
"""What a model, or a virtual machine, may keep to itself."""

HOLDER = """
import sys, torch
held = torch.empty(3 << 30, dtype=torch.uint8, device="cuda")
print("held", flush=True)
sys.stdin.read()
"""


def look(folder: Path, *words: str, python: str, **more: str) -> tuple[int, dict[str, Any], float]:
    """Exit code, what was found, seconds."""
    output = folder / "health.json"
    environment = {**clean_environment(), "MLOPS_CI_CACHE": str(folder / "cache"), **more}
    command = [sys.executable, "-m", "mlops_ci", "health-check", "--python", python, "--format", "json"]
    started = time.monotonic()
    done = subprocess.run(
        [*command, "--output", output, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert output.is_file(), done.stderr
    return done.returncode, json.loads(output.read_text())["result"], time.monotonic() - started


def by_status(found: dict[str, Any], *statuses: str) -> dict[str, str]:
    """Causes by check."""
    return {
        one["id"]: f"{one['value']} {one['cause']} {one['evidence']}"
        for one in found["checks"]
        if one["status"] in statuses
    }


@pytest.mark.parametrize("budget", [15, 60])
def test_a_healthy_gpu_raises_no_alarm_within_the_budget(python_with_torch, tmp_path, budget):
    code, found, seconds = look(tmp_path, "--gpus", "1", "--budget", str(budget), python=python_with_torch)
    assert (code, by_status(found, "BLOCK")) == (0, {})
    # A log that holds faults of earlier programs is worth a look, and no fault of this test.
    assert set(by_status(found, "WARN")) <= {"xid.history"}, by_status(found, "WARN")
    skipped = {name.rpartition(".cuda")[0] for name in by_status(found, "SKIP")}
    assert budget < 60 or skipped <= UNTOLD, by_status(found, "SKIP")
    assert seconds <= budget + GRACE
    (uuid,) = found["devices"]
    assert uuid.startswith("GPU-")
    exact = {one["id"]: one["value"] for one in found["checks"] if one["id"].startswith("numerics.exact")}
    assert {f"numerics.exact.{kind}.cuda:0" for kind in ("fp32", "tf32", "bf16", "fp16", "int8", "fp64")} <= set(exact)
    assert set(exact.values()) == {0}
    if budget == 60:
        values = {one["id"]: one["value"] for one in found["checks"]}
        for name in ("matmul.bf16", "matmul.fp16", "matmul.fp32", "memory.bandwidth", "transfer.h2d", "transfer.d2h"):
            assert float(values[f"{name}.cuda:0"]) > 0
        assert "memory.pattern.cuda:0" in by_status(found, "PASS")


def test_what_another_job_left_is_told_with_its_process(python_with_torch, tmp_path):
    holder = subprocess.Popen(
        [python_with_torch, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        words = ("--gpus", "1", "--check", "gpu.leftover")
        code, found, _ = look(tmp_path, *words, python=python_with_torch)
    finally:
        holder.communicate("")
    (cause,) = by_status(found, "WARN").values()
    assert (code, found["verdict"]) == (0, "degraded")
    assert "are in use" in cause
    code, found, _ = look(tmp_path, *words, python=python_with_torch)
    (left,) = [one for one in found["checks"] if one["id"].startswith("gpu.leftover")]
    assert (code, left["status"]) == (0, "PASS")
    assert left["value"] < 2**28, "what the driver keeps for itself is not in use"


@pytest.mark.parametrize("level", ["static", "quick"])
def test_a_node_with_too_few_gpus_is_left_for_another(python_with_torch, tmp_path, level):
    count = int(subprocess.check_output([python_with_torch, "-c", "import torch; print(torch.cuda.device_count())"]))
    words = ("--gpus", str(count + 1), "--level", level)
    code, found, _ = look(tmp_path, *words, python=python_with_torch)
    assert (code, found["verdict"]) == (11, "unhealthy")
    assert f"{count} of {count + 1} GPUs" in by_status(found, "BLOCK")["gpu.count"]


def test_a_gpu_that_is_hidden_from_the_job(python_with_torch, tmp_path):
    words = ("--gpus", "1", "--level", "static")
    code, found, _ = look(tmp_path, *words, python=python_with_torch, CUDA_VISIBLE_DEVICES="")
    assert (code, found["verdict"]) == (3, "unhealthy")
    assert "hides all GPUs" in by_status(found, "BLOCK")["environment.CUDA_VISIBLE_DEVICES"]
