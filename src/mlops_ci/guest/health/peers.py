"""The GPUs of one node against each other: one that is slower than its neighbours holds all of them up."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from mlops_ci.guest.health.active.history import rates
from mlops_ci.guest.health.card import limit_of
from mlops_ci.guest.health.check import BLOCK, PASS, WARN, Check

UNIT = "of the median of the other GPUs"
ADVICE = "One slow GPU slows down all of a job: run on another node, and have this GPU looked at."


def against_peers(checks: Sequence[Check], limits: Mapping[str, float]) -> Iterator[Check]:
    """`peers.NAME.DEVICE` for each rate that two GPUs or more have."""
    measured: dict[str, dict[str, float]] = defaultdict(dict)
    for device, found in rates(checks).items():
        for name, value in found.items() if device.startswith("cuda:") else ():
            measured[name][device] = value
    uuids = {check.id.rpartition(".")[2]: check.uuid for check in checks if check.uuid}
    for name, values in sorted(measured.items()):
        for device, value in sorted(values.items()) if len(values) > 1 else ():
            others = [other for at, other in values.items() if at != device]
            yield _peer(f"peers.{name}.{device}", value, statistics.median(others), uuids.get(device, ""), limits)


def _peer(name: str, value: float, usual: float, uuid: str, limits: Mapping[str, float]) -> Check:
    share = round(value / usual, 3) if usual > 0 else 1.0
    warn, block = limit_of(limits, "peers.warn"), limit_of(limits, "peers.block")
    if share >= warn:
        return Check(name, PASS, share, warn, UNIT, uuid=uuid)
    cause = f"{value:.4g}, where the other GPUs of this node reach {usual:.4g}"
    status, limit = (BLOCK, block) if share < block else (WARN, warn)
    return Check(name, status, share, limit, UNIT, cause, ADVICE, node=status == BLOCK, uuid=uuid)
