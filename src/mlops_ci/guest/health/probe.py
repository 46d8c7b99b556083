"""What a child of the health check does: look at the node, at one device, or at all devices together."""

from __future__ import annotations

import os
import time


def main(arguments: list[str]) -> int:
    """`node GPUS`, `device REQUEST` or `together REQUEST`; the exit code is 0 unless it does not come to its end."""
    kind, argument = arguments
    if kind == "node":
        return _node(int(argument))
    return _device(argument) if kind == "device" else _together(argument)


def _node(gpus: int) -> int:
    from mlops_ci.guest.health.row import say
    from mlops_ci.guest.health.survey import survey

    survey(say, wanted=gpus, environment=os.environ)
    return 0


def _device(argument: str) -> int:
    from mlops_ci.guest.health.examine import Examination
    from mlops_ci.guest.health.request import request_of
    from mlops_ci.guest.health.row import say

    Examination(request_of(argument), say, os.environ).run()
    return 0


def _together(argument: str) -> int:
    from mlops_ci.guest.health.burn import Burn
    from mlops_ci.guest.health.request import request_of
    from mlops_ci.guest.health.row import say

    request, started = request_of(argument), time.monotonic()
    say("step", "torch import")
    import torch

    Burn().run(torch, request, None, request.budget - (time.monotonic() - started), say, node=True)
    say("end", None)
    return 0
