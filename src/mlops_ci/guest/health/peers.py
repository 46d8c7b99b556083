"""The GPUs of one node against each other: one that is slower than its neighbours holds all of them up."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence

from mlops_ci.guest.health.card import limit_of
from mlops_ci.guest.health.check import BLOCK, PASS, WARN, Check

SPEEDS = ("TFLOPS", "GB/s")
LEAST = 3
"""With two the median says nothing about which of them is the slow one; that the two differ is told all the same."""


def against_peers(checks: Sequence[Check], limits: Mapping[str, float]) -> Iterator[Check]:
    """A check for each speed that all GPUs were measured for."""
    groups: dict[str, list[Check]] = {}
    for check in checks:
        base, _, device = check.id.rpartition(".")
        if device.startswith("cuda:") and check.unit in SPEEDS and isinstance(check.value, (int, float)):
            groups.setdefault(base, []).append(check)
    for base, group in sorted(groups.items()):
        if len(group) >= 2:
            yield _group(base, group, limits)


def _group(base: str, group: Sequence[Check], limits: Mapping[str, float]) -> Check:
    values = {check: float(check.value or 0) for check in group}
    # Of two the faster one is what the other could be.
    usual = statistics.median(values.values()) if len(group) >= LEAST else max(values.values())
    slowest = min(group, key=lambda check: values[check])
    share = values[slowest] / usual if usual else 0.0
    warn, block = limit_of(limits, "peer.warn"), limit_of(limits, "peer.block")
    name = f"peers.{base}"
    if share >= warn:
        return Check(name, PASS, round(share, 3), warn, "of the node's median")
    status = BLOCK if share < block else WARN
    device = slowest.id.rpartition(".")[2]
    cause = f"{device} {slowest.uuid} reaches {values[slowest]:g} {slowest.unit}, the others {usual:g}".replace(
        "  ", " "
    )
    advice = "Have this GPU's cooling, power and link looked at."
    return Check(
        name, status, round(share, 3), warn, "of the node's median", cause, advice,
        node=status == BLOCK, uuid=slowest.uuid,
    )  # fmt: skip
