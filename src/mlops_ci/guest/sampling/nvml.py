"""GPUs through NVIDIA's own Python binding, the copy in this bundle first, else the image's.

A getter that a driver does not have gives None: "could not observe" is never a value. Nothing here changes a GPU.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_ci.guest.visible import VARIABLE, Candidate, visible

LIBRARY = "libnvidia-ml.so.1"
BUNDLED = "mlops_ci.guest.vendor.pynvml"


@dataclass(frozen=True)
class Gpu:
    """One GPU now. Memory in bytes, utilisation in percent, power in watts, temperature in degrees Celsius."""

    index: int
    uuid: str
    name: str
    memory_total_bytes: int | None
    memory_used_bytes: int | None
    utilization_percent: int | None
    power_watts: float | None
    temperature_c: int | None
    processes: tuple[int, ...]
    parts: tuple[str, ...] = ()


def shown_to_job(gpus: Sequence[Gpu], environment: Mapping[str, str]) -> list[Gpu]:
    """Those that `CUDA_VISIBLE_DEVICES` shows to the job, in its order; all where it is not set."""
    candidates = [Candidate(gpu.index, gpu.uuid, gpu.parts) for gpu in gpus]
    return [gpus[one.place] for one in visible(environment.get(VARIABLE), candidates)]


class Nvml:
    """An open NVML. Make one with `open_nvml`."""

    def __init__(self, binding: Any) -> None:
        self._binding = binding

    def gpus(self) -> list[Gpu]:
        """All GPUs that this process may see."""
        count = self._get(self._binding.nvmlDeviceGetCount)
        return [gpu for gpu in map(self._gpu, range(count or 0)) if gpu is not None]

    def _gpu(self, index: int) -> Gpu | None:
        binding = self._binding
        handle = self._get(binding.nvmlDeviceGetHandleByIndex, index)
        if handle is None:
            return None
        memory = self._memory(handle)
        busy = self._get(binding.nvmlDeviceGetUtilizationRates, handle)
        milliwatts = self._get(binding.nvmlDeviceGetPowerUsage, handle)
        processes = self._get(binding.nvmlDeviceGetComputeRunningProcesses, handle)
        return Gpu(
            index=index,
            uuid=_text(self._get(binding.nvmlDeviceGetUUID, handle)),
            name=_text(self._get(binding.nvmlDeviceGetName, handle)),
            memory_total_bytes=None if memory is None else int(memory.total),
            memory_used_bytes=None if memory is None else int(memory.used),
            utilization_percent=None if busy is None else int(busy.gpu),
            power_watts=None if milliwatts is None else milliwatts / 1000,
            temperature_c=self._get(binding.nvmlDeviceGetTemperature, handle, binding.NVML_TEMPERATURE_GPU),
            processes=tuple(int(process.pid) for process in processes or ()),
            parts=self._parts(handle),
        )

    def _memory(self, handle: Any) -> Any:
        """Without what the driver keeps for itself, where the driver tells it apart."""
        getter, second = self._binding.nvmlDeviceGetMemoryInfo, getattr(self._binding, "nvmlMemory_v2", None)
        found = None if second is None else self._get(getter, handle, second)
        return self._get(getter, handle) if found is None else found

    def _parts(self, handle: Any) -> tuple[str, ...]:
        """The UUIDs of the partitions of a GPU that is split (MIG)."""
        binding = self._binding
        mode = self._get(binding.nvmlDeviceGetMigMode, handle)
        count = self._get(binding.nvmlDeviceGetMaxMigDeviceCount, handle) if mode and mode[0] else 0
        parts = [self._get(binding.nvmlDeviceGetMigDeviceHandleByIndex, handle, number) for number in range(count or 0)]
        return tuple(_text(self._get(binding.nvmlDeviceGetUUID, part)) for part in parts if part is not None)

    def _get(self, getter: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return getter(*arguments)
        except self._binding.NVMLError:
            return None


def open_nvml(*, probe: bool = True) -> tuple[Nvml | None, str]:
    """NVML, or None and the reason. `probe` looks for the driver's library first: the binding is slow to load."""
    if probe:
        try:
            ctypes.CDLL(LIBRARY)
        except OSError:
            return None, f"{LIBRARY} is not here: no NVIDIA driver, or a container that was started without GPUs"
    for name in (BUNDLED, "pynvml"):
        try:
            binding = importlib.import_module(name)
            binding.nvmlInit()
        except ImportError:
            continue
        except Exception as error:
            return None, f"NVML could not be opened: {error}"
        return Nvml(binding), ""
    return None, "no NVML binding (nvidia-ml-py) in this bundle or image"


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
