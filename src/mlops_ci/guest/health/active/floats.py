"""A product of normal random numbers against float64 on the CPU, each element within its own tolerance."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from mlops_ci.guest.health.active.context import Context
from mlops_ci.guest.health.active.guard import guarded
from mlops_ci.guest.health.active.operands import Kind, kinds, normal, product
from mlops_ci.guest.health.active.tolerances import UNIT_ROUNDOFF, accumulation, rounded
from mlops_ci.guest.health.check import BLOCK, PASS, Check

GPU_SIZE, CPU_SIZE = 4096, 384
ROWS = 64
ADVICE = "Do not train here: the device computes wrong results. Have it looked at."


def run(context: Context) -> list[Check]:
    """`numerics.reference.KIND`: the largest error as a share of its tolerance; up to 1 is right."""
    checks: list[Check] = []
    for kind in kinds(context):
        if kind.name != "int8":
            name = f"numerics.reference.{kind.name}.{context.device}"
            checks.extend(guarded(name, partial(_kind, context, kind, name)))
    return checks


def worst(torch: Any, result: Any, exact: Any, tolerance: Any) -> float:
    """The largest error as a share of its tolerance; infinity where a number is not finite."""
    if not bool(torch.isfinite(result).all()):
        return math.inf
    return float(((result.double() - exact).abs() / tolerance).max())


def judged(name: str, share: float, what: str) -> Check:
    """The check for such a share."""
    if share <= 1:
        return Check(name, PASS, round(share, 4), 1, "of the tolerance")
    if math.isinf(share):
        cause, value = f"{what} holds NaN or infinity", None
    else:
        cause, value = f"the error of {what} is {share:.3g} times its tolerance", share
    return Check(name, BLOCK, value, 1, "of the tolerance", cause, ADVICE, node=True)


def _kind(context: Context, kind: Kind, name: str) -> Check:
    size = context.by_device(gpu=GPU_SIZE // (2 if kind.name == "fp64" else 1), cpu=CPU_SIZE)
    multiply = product(context, kind)
    left, right = (normal(context, kind, size, size, offset) for offset in (5, 6))
    result = context.faults(f"reference.{kind.name}", multiply(left.to(context.device), right.to(context.device)))
    step = size // ROWS
    result, left, right = result.cpu()[::step], left[::step].double(), right.double()
    exact = left @ right
    lengths = left.norm(dim=1)[:, None] * right.norm(dim=0)[None, :]
    roundoff = UNIT_ROUNDOFF["fp64" if kind.name == "fp64" else "fp32"]
    # The tf32 units round the operands, which are rounded already, and store float32.
    stored = 0.0 if kind.name == "tf32" else rounded(kind.name)
    tolerance = accumulation(size, roundoff) * lengths + stored * exact.abs()
    return judged(name, worst(context.torch, result, exact, tolerance), f"a {kind.name} product")
