"""Clocks, throttle reasons and link of one GPU while it works, read through NVML's binding. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

POLICIES = {"power": 0, "thermal": 1, "board limit": 3, "reliability": 5}
"""`nvmlPerfPolicyType_t`: counters of nanoseconds for which the clocks were held down."""

SM, MEMORY = 1, 2
"""`nvmlClockType_t`."""


@dataclass(frozen=True)
class Reading:
    """One look; None is what the driver does not tell. `reasons` is a bit mask, `held_ns` counts since start-up."""

    sm_mhz: Optional[float] = None
    memory_mhz: Optional[float] = None
    reasons: Optional[int] = None
    temperature_c: Optional[float] = None
    power_watts: Optional[float] = None
    pcie_generation: Optional[int] = None
    pcie_width: Optional[int] = None
    held_ns: Mapping[str, int] = field(default_factory=dict)


def sensor(binding: Any, handle: Any) -> Callable[[], Reading]:
    """A function that reads the GPU of `handle`, with `binding` as NVIDIA's module `pynvml`, opened before."""

    def get(name: str, *arguments: Any) -> Any:
        try:
            return getattr(binding, name)(handle, *arguments)
        except (AttributeError, binding.NVMLError):
            return None

    def read() -> Reading:
        reasons = get("nvmlDeviceGetCurrentClocksEventReasons")
        if reasons is None:
            reasons = get("nvmlDeviceGetCurrentClocksThrottleReasons")
        milliwatts = get("nvmlDeviceGetPowerUsage")
        held = {name: get("nvmlDeviceGetViolationStatus", policy) for name, policy in POLICIES.items()}
        return Reading(
            sm_mhz=get("nvmlDeviceGetClockInfo", SM),
            memory_mhz=get("nvmlDeviceGetClockInfo", MEMORY),
            reasons=reasons,
            temperature_c=get("nvmlDeviceGetTemperature", 0),
            power_watts=None if milliwatts is None else milliwatts / 1000,
            pcie_generation=get("nvmlDeviceGetCurrPcieLinkGeneration"),
            pcie_width=get("nvmlDeviceGetCurrPcieLinkWidth"),
            held_ns={name: int(status.violationTime) for name, status in held.items() if status is not None},
        )

    return read
