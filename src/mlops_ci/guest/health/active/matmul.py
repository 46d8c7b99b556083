"""How fast matrices are multiplied, in each kind, and whether the clocks were held down meanwhile.

Two figures tell two causes apart: the rate against the model's peak (SM x FMA x 2 x boost), and the efficiency, which
is the rate against the peak at the clock that the GPU really had. A card that is hot or short of power has a low rate
and a good efficiency; a sick unit or a wrong kernel has a low efficiency at full clock. The numbers are normal random
ones: zeros and small integers need less power, and run faster than any training does.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Optional

from mlops_ci.guest.health.active import judge, throttle
from mlops_ci.guest.health.active.context import Context
from mlops_ci.guest.health.active.guard import guarded, guarded_all
from mlops_ci.guest.health.active.operands import BY_NAME, product
from mlops_ci.guest.health.active.reference import peak_tflops
from mlops_ci.guest.health.active.sensor import Reading
from mlops_ci.guest.health.active.timing import median, samples
from mlops_ci.guest.health.check import PASS, SKIP, Check

GPU_SIZE, CPU_SIZE = 8192, 512
OTHERS_SECONDS, CPU_SECONDS = 0.7, 0.15
OLDEST_BF16 = 8.0
OLDEST_FP8 = 8.9
BUDGET_SHARE = 0.6
"""Of the seconds left, for the long run: the kinds after it need some too."""

TOLD_APART = 0.95
"""A clock below this share of the boost clock explains a low rate."""

MOSTLY = 0.5
"""Of the looks: a GPU that is at its power limit in that many is held by it."""


@dataclass(frozen=True)
class Burn:
    """One kind's run: the rate and what the sensor saw meanwhile."""

    tflops: float
    readings: tuple[Reading, ...]

    @property
    def sm_mhz(self) -> Optional[float]:
        """The mean SM clock."""
        clocks = [reading.sm_mhz for reading in self.readings if reading.sm_mhz]
        return statistics.fmean(clocks) if clocks else None

    @property
    def power_bound(self) -> bool:
        """Whether the power limit holds the clock down, and nothing else."""
        reasons = [reading.reasons for reading in self.readings if reading.reasons is not None]
        held = sum(bool(one & throttle.POWER_CAP) for one in reasons)
        return bool(reasons) and held >= MOSTLY * len(reasons) and not any(one & throttle.FAULTS for one in reasons)

    @property
    def circumstances(self) -> str:
        """Clock, power and heat meanwhile, in words."""
        watts = [reading.power_watts for reading in self.readings if reading.power_watts is not None]
        degrees = [reading.temperature_c for reading in self.readings if reading.temperature_c is not None]
        told = [
            f"{self.sm_mhz:.0f} MHz" if self.sm_mhz else "",
            f"{statistics.fmean(watts):.0f} W" if watts else "",
            f"up to {max(degrees):.0f} °C" if degrees else "",
            "at its power limit" if self.power_bound else "",
        ]
        return ", ".join(one for one in told if one)


def run(context: Context) -> list[Check]:
    """`matmul.KIND` in TFLOPS, `matmul.efficiency.KIND`, and for a GPU `throttle.load`."""
    checks: list[Check] = []
    main = _main_kind(context)
    seconds = CPU_SECONDS if context.cpu else min(context.limit("matmul.seconds"), BUDGET_SHARE * context.left())
    checks += guarded_all(f"matmul.{main}.{context.device}", partial(_main, context, main, seconds))
    for name in _others(context, main):
        seconds = CPU_SECONDS if context.cpu else OTHERS_SECONDS
        checks += guarded(f"matmul.{name}.{context.device}", partial(_other, context, name, seconds))
    return checks


def burn(context: Context, name: str, seconds: float) -> Burn:
    """Multiply for so long."""
    size = context.by_device(gpu=GPU_SIZE, cpu=CPU_SIZE)
    multiply = _multiplication(context, name, size)
    readings: list[Reading] = []

    def look() -> None:
        if context.sensor is not None:
            readings.append(context.sensor())

    taken = samples(context, lambda: context.faults(f"matmul.{name}", multiply()), seconds=seconds, between=look)
    return Burn(2 * size**3 / median(taken) / 1e12, tuple(readings))


def _main(context: Context, name: str, seconds: float) -> list[Check]:
    before = None if context.sensor is None else context.sensor()
    result = burn(context, name, seconds)
    checks = [judged(context, name, result), *efficiency(context, name, result)]
    if not context.cpu:
        after = None if context.sensor is None else context.sensor()
        checks.append(throttle.judge_load(f"throttle.load.{context.device}", before, result.readings, after))
    return checks


def _other(context: Context, name: str, seconds: float) -> Check:
    if context.left() <= 0:
        return Check(f"matmul.{name}.{context.device}", SKIP, cause="the budget was used up before")
    return _measured(context, name, burn(context, name, seconds))


def _main_kind(context: Context) -> str:
    if context.cpu:
        return "fp32"
    return "bf16" if _capability(context) >= OLDEST_BF16 else "fp16"


def _others(context: Context, main: str) -> list[str]:
    names = ["fp16", "bf16", "fp32", "tf32", "fp8"]
    if context.cpu or _capability(context) < OLDEST_BF16:
        names.remove("tf32")
    if context.cpu or _capability(context) < OLDEST_FP8:
        names.remove("fp8")
    if not context.cpu and _capability(context) < OLDEST_BF16:
        names.remove("bf16")
    return [name for name in names if name != main]


def _capability(context: Context) -> float:
    major, minor = context.torch.cuda.get_device_capability(context.device)
    return float(major) + float(minor) / 10


def _multiplication(context: Context, name: str, size: int) -> Any:
    torch = context.torch
    # Made on the device: a CPU would take seconds, and which numbers they are does not matter for the rate.
    left, right = (torch.randn(size, size, device=context.device) for _ in range(2))
    if name == "fp8":
        left, right = left.to(torch.float8_e4m3fn), right.to(torch.float8_e4m3fn).t()
        one = torch.ones((), device=context.device)
        return lambda: torch._scaled_mm(left, right, scale_a=one, scale_b=one, out_dtype=torch.bfloat16)  # noqa: SLF001
    kind = BY_NAME[name]
    left, right = (one.to(getattr(torch, kind.dtype)) for one in (left, right))
    multiply = product(context, kind)
    return lambda: multiply(left, right)


def judged(context: Context, name: str, result: Burn) -> Check:
    """The rate against the model's floor; the efficiency tells why it is below."""
    peak, floor = peak_tflops(context.table, name), context.table.get("floor")
    if peak is None or floor is None:
        return judge.alone(_measured(context, name, result), cpu=context.cpu)
    block = None if context.table.get("derived") else floor * peak
    share = floor + (0 if context.table.get("derived") else context.limit("matmul.warn-above-floor"))
    warn = max(block or 0.0, share * min(peak, _allowed(context, name, result)))
    cause = f"{name} products run at {result.tflops:.4g} TFLOPS, {result.tflops / peak:.0%} of the "
    cause += f"{context.table['name']}'s {peak:.0f}: {_why(context, name, result, floor)}"
    advice = "Look at power limit, cooling and clocks of this GPU, or run on another node."
    check = judge.rate(
        f"matmul.{name}.{context.device}", result.tflops, "TFLOPS", warn=warn, block=block, cause=cause, advice=advice
    )
    return replace(check, evidence=result.circumstances)


def _allowed(context: Context, name: str, result: Burn) -> float:
    """What the GPU could reach at the clock that its power limit left it; no bound where anything else held it down.

    Random numbers take a healthy card to its power limit: an H200 multiplied at 0.67 of its peak, at 1485 of 1830 MHz
    and 700 W, which is 0.82 of what that clock allows. Whether the limit itself is low is the check `power.limit`.
    """
    peak = None if result.sm_mhz is None else peak_tflops(context.table, name, mhz=result.sm_mhz)
    return peak if peak is not None and result.power_bound else math.inf


def _why(context: Context, name: str, result: Burn, floor: float) -> str:
    boost, clock = context.table.get("boost_mhz"), result.sm_mhz
    peak = None if clock is None else peak_tflops(context.table, name, mhz=clock)
    if boost is None or clock is None or peak is None:
        return "the clock is not known"
    if clock < TOLD_APART * boost and result.tflops / peak >= floor:
        return f"throttled, its clock was {clock:.0f} of {boost:.0f} MHz"
    return f"slow at its clock of {clock:.0f} MHz ({result.tflops / peak:.0%} of what that clock allows)"


def efficiency(context: Context, name: str, result: Burn) -> list[Check]:
    """The share of what the clock allows. It has no limit of its own: it names the cause of a low rate."""
    peak = None if result.sm_mhz is None else peak_tflops(context.table, name, mhz=result.sm_mhz)
    if context.cpu:
        return []
    full = f"matmul.efficiency.{name}.{context.device}"
    if peak is None:
        why = "NVML tells no clock" if result.sm_mhz is None else "the units of this model are not known"
        return [Check(full, SKIP, cause=why)]
    unit = f"of the peak at {result.sm_mhz:.0f} MHz"
    return [Check(full, PASS, round(result.tflops / peak, 3), None, unit)]


def _measured(context: Context, name: str, result: Burn) -> Check:
    return judge.rate(
        f"matmul.{name}.{context.device}", result.tflops, "TFLOPS", warn=None, block=None, cause="", advice=""
    )
