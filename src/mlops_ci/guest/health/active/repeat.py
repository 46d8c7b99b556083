"""The same product several times, of numbers whose sums depend on their order: every bit must be the same.

It catches what is wrong now and then; what is wrong each time is found by the exact products.
"""

from __future__ import annotations

from typing import Any

from mlops_ci.guest.health.active.context import Context
from mlops_ci.guest.health.active.guard import guarded
from mlops_ci.guest.health.active.operands import BY_NAME, normal, product
from mlops_ci.guest.health.check import BLOCK, PASS, Check

GPU_SIZE, CPU_SIZE = 4096, 384
GPU_TIMES, CPU_TIMES = 50, 4
SHOWN = 4
ADVICE = "Do not train here: the device computes the same thing differently. Have it looked at."


def run(context: Context) -> list[Check]:
    """`numerics.repeat`: how many of the repetitions gave other bits."""
    name = f"numerics.repeat.{context.device}"
    return guarded(name, lambda: _repeat(context, name))


def _repeat(context: Context, name: str) -> Check:
    size, times = context.by_device(gpu=(GPU_SIZE, GPU_TIMES), cpu=(CPU_SIZE, CPU_TIMES))
    kind = BY_NAME["fp32" if context.cpu else "bf16"]
    multiply = product(context, kind)
    left, right = (normal(context, kind, size, size, offset).to(context.device) for offset in (3, 4))
    first = context.faults("repeat", multiply(left, right))
    done = 1
    while done < times and context.left() > 0:
        again = context.faults("repeat", multiply(left, right))
        done += 1
        if not context.torch.equal(first, again):
            cause = f"repetition {done} of the same {kind.name} product differs {_where(context.torch, first, again)}"
            return Check(name, BLOCK, 1, 0, f"of {done} repetitions differ", cause, ADVICE, node=True)
    return Check(name, PASS, 0, 0, f"of {done} repetitions differ")


def _where(torch: Any, first: Any, again: Any) -> str:
    places = torch.nonzero(~(first == again)).tolist()
    shown = ", ".join(f"({row}, {column})" for row, column in places[:SHOWN])
    return f"in {len(places)} elements, at {shown}"
