"""Can a context be made on this device, and does it answer?"""

from __future__ import annotations

import time

from mlops_ci.guest.health.active.context import Context
from mlops_ci.guest.health.active.guard import SICK, guarded
from mlops_ci.guest.health.check import BLOCK, PASS, Check

COUNT = 1024


def run(context: Context) -> list[Check]:
    """`device.context`: the seconds until the first right answer."""
    return guarded(f"device.context.{context.device}", lambda: _answer(context))


def _answer(context: Context) -> Check:
    name, started = f"device.context.{context.device}", time.monotonic()
    ones = context.faults("context", context.torch.ones(COUNT, device=context.device))
    answer = float((ones * 2).sum().item())
    if answer != 2.0 * COUNT:
        cause = f"the device says that {COUNT} times 2 is {answer:g}"
        return Check(name, BLOCK, answer, 2.0 * COUNT, "", cause, SICK, node=True)
    return Check(name, PASS, round(time.monotonic() - started, 3), None, "s")
