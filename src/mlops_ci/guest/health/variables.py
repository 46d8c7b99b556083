"""Environment variables that cripple or hide a GPU."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_ci.guest.health.check import BLOCK, PASS, WARN, Check

HARMFUL = (
    "NSIGHT_CUDA_DEBUGGER", "CUDA_INJECTION32_PATH", "CUDA_INJECTION64_PATH", "CUDA_AUTO_BOOST",
    "CUDA_ENABLE_COREDUMP_ON_EXCEPTION", "CUDA_COREDUMP_FILE", "CUDA_DEVICE_WAITS_ON_EXCEPTION", "CUDA_PROFILE",
    "COMPUTE_PROFILE", "OPENCL_PROFILE",
)  # fmt: skip
"""The list that DCGM's software test warns about (NVIDIA/DCGM, nvvs/src/Software.cpp)."""

SLOWING = {"CUDA_LAUNCH_BLOCKING": "1", "NCCL_P2P_DISABLE": "1"}
HIDING = ("", "-1", "none", "void")


def check_variables(environment: Mapping[str, str], *, gpus: int) -> list[Check]:
    """One check for each variable that does harm, or one PASS. Hidden GPUs block only a job that asks for GPUs."""
    checks = [_harmful(name) for name in HARMFUL if environment.get(name)]
    for name, value in SLOWING.items():
        if environment.get(name) == value:
            checks.append(_harmful(name))
    if gpus:
        for name in ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"):
            if environment.get(name, "0").strip().lower() in HIDING:
                cause = f"{name}={environment[name]!r} hides all GPUs from the job"
                advice = f"Unset {name}, in the image and on the runner."
                checks.append(Check(f"environment.{name}", BLOCK, environment[name], None, "", cause, advice))
    return checks or [Check("environment", PASS)]


def _harmful(name: str) -> Check:
    cause = f"{name} is set, which slows down or breaks CUDA"
    return Check(f"environment.{name}", WARN, True, None, "", cause, f"Unset {name}.")
