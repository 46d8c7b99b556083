"""The canary: a process of its own that imports torch and touches devices, since either may crash or never come back.

Each step prints one marked JSON line when it is done, so that the parent knows how far it came.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from mlops_ci.guest.health import numerics
from mlops_ci.guest.sampling.nvml import open_nvml, visible

MARK = "MLOPS-PROBE "
CPU_SIZE = 512
GPU_SIZE = 2048
STEPS = ("nvml", "import", "device", "numerics")


def main(arguments: list[str]) -> int:
    """`GPUS`: how many GPUs the job asks for; with 0 the device is the CPU."""
    gpus = int(arguments[0])
    if gpus:
        _say("nvml", _nvml())
    _say("begin", {"step": "import"})
    started = time.monotonic()
    try:
        import torch
    except Exception as error:
        _say("import", {"error": f"{type(error).__name__}: {error}"})
        return 0
    _say("import", {**_build(torch, gpus), "seconds": round(time.monotonic() - started, 3)})
    devices = [f"cuda:{index}" for index in range(min(gpus, _count(torch)))] if gpus else ["cpu"]
    for device in devices:
        _say("begin", {"step": f"device {device}"})
        _say("device", _device(torch, device))
        _say("begin", {"step": f"numerics {device}"})
        _say("numerics", _numerics(torch, device, GPU_SIZE if gpus else CPU_SIZE))
    return 0


def _say(step: str, fields: dict[str, Any]) -> None:
    sys.stdout.write(f"\n{MARK}{json.dumps({'probe': step, **fields})}\n")
    sys.stdout.flush()


def _nvml() -> dict[str, Any]:
    nvml, reason = open_nvml()
    if nvml is None:
        return {"reason": reason, "gpus": []}
    rows = [
        {
            "index": gpu.index,
            "uuid": gpu.uuid,
            "name": gpu.name,
            "memory_total_bytes": gpu.memory_total_bytes,
            "memory_used_bytes": gpu.memory_used_bytes,
            "processes": list(gpu.processes),
        }
        for gpu in visible(nvml.gpus(), os.environ)
    ]
    return {"reason": "", "gpus": rows}


def _build(torch: Any, gpus: int) -> dict[str, Any]:
    built = {"version": str(torch.__version__), "cuda": torch.version.cuda, "devices": 0, "reason": ""}
    if gpus and torch.version.cuda is not None:
        built["devices"] = _count(torch)
        try:
            torch.cuda.init()
        except Exception as error:
            built["reason"] = str(error).strip().splitlines()[0]
    return built


def _count(torch: Any) -> int:
    return int(torch.cuda.device_count()) if torch.cuda.is_available() else 0


def _device(torch: Any, device: str) -> dict[str, Any]:
    try:
        answer = float((torch.ones(1024, device=device) * 2).sum().item())
    except Exception as error:
        return {"device": device, "error": f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"}
    uuid = ""
    name = "cpu"
    if device != "cpu":
        properties = torch.cuda.get_device_properties(device)
        name, uuid = str(properties.name), f"GPU-{getattr(properties, 'uuid', '')}"
    return {"device": device, "right": answer == 2048.0, "name": name, "uuid": uuid if uuid != "GPU-" else ""}


def _numerics(torch: Any, device: str, size: int) -> dict[str, Any]:
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        result = numerics.check_numerics(torch, device, size)
    except Exception as error:
        return {"device": device, "error": f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"}
    worst = result.worst if result.worst < float("inf") else -1.0
    return {
        "device": device,
        "wrong": result.wrong,
        "places": [list(place) for place in result.places],
        "worst": worst,
        "operations": result.operations,
    }
