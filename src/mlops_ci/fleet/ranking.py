"""Which nodes and GPUs of a fleet are the lemons: by failures first, then by slowness."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from mlops_ci.fleet.document import Health
from mlops_ci.fleet.history import as_check
from mlops_ci.guest.health.active.history import rates

LEMON_FAILURES = 2
SLOW = 0.9


@dataclass(frozen=True, kw_only=True)
class Rank:
    """One node or GPU. `speed` is its median share of what its likes reach; `why` the findings that come most often."""

    name: str
    kind: str
    looks: int
    unhealthy: int
    degraded: int
    speed: float | None
    why: tuple[str, ...]
    last: str

    @property
    def lemon(self) -> bool:
        """Whether it failed again and again, or is slower than its likes."""
        share = self.unhealthy / self.looks if self.looks else 0.0
        often = self.unhealthy >= LEMON_FAILURES and share >= 0.2
        return often or (self.speed is not None and self.speed < SLOW)


@dataclass
class _Tally:
    kind: str
    looks: int = 0
    unhealthy: int = 0
    degraded: int = 0
    last: str = ""
    why: Counter[str] = field(default_factory=Counter)
    shares: list[float] = field(default_factory=list)


def rank(found: Sequence[Health]) -> list[Rank]:
    """Nodes and GPUs, the worst first."""
    tallies: dict[str, _Tally] = {}
    for health in found:
        _node(tallies, health)
        _gpus(tallies, health)
    _speeds(tallies, found)
    ranks = [
        Rank(
            name=name,
            kind=one.kind,
            looks=one.looks,
            unhealthy=one.unhealthy,
            degraded=one.degraded,
            speed=round(statistics.median(one.shares), 3) if one.shares else None,
            why=tuple(text for text, _ in one.why.most_common(3)),
            last=one.last,
        )
        for name, one in tallies.items()
    ]
    return sorted(ranks, key=_badness)


def _badness(one: Rank) -> tuple[float, float, float, str]:
    failed, degraded = (count / one.looks if one.looks else 0.0 for count in (one.unhealthy, one.degraded))
    return (-failed, one.speed if one.speed is not None else 1.0, -degraded, one.name)


def _node(tallies: dict[str, _Tally], health: Health) -> None:
    tally = tallies.setdefault(health.result.host, _Tally("node"))
    tally.looks += 1
    tally.last = max(tally.last, health.at)
    # A configuration that is wrong says nothing of the node.
    sick = [one for one in health.result.checks if one.status == "BLOCK" and one.node]
    tally.unhealthy += bool(sick)
    tally.degraded += health.result.verdict == "degraded"
    tally.why.update(_base(one.id) for one in sick)


def _gpus(tallies: dict[str, _Tally], health: Health) -> None:
    named = [one.uuid for one in health.result.details] + [one.uuid for one in health.result.checks]
    for uuid in sorted(set(filter(None, named))):
        tally = tallies.setdefault(uuid, _Tally("GPU"))
        mine = [one for one in health.result.checks if one.uuid == uuid]
        sick = [one for one in mine if one.status == "BLOCK" and one.node]
        tally.looks += 1
        tally.last = max(tally.last, health.at)
        tally.unhealthy += bool(sick)
        tally.degraded += not sick and any(one.status == "WARN" for one in mine)
        tally.why.update(_base(one.id) for one in sick)


def _speeds(tallies: dict[str, _Tally], found: Sequence[Health]) -> None:
    """Each rate as a share of the median over all devices of the same model."""
    values: dict[tuple[str, str], list[tuple[str, str, float]]] = defaultdict(list)
    for health in found:
        models = {one.device: (one.name, one.uuid) for one in health.result.details}
        for device, measured in rates([as_check(one) for one in health.result.checks]).items():
            model, uuid = models.get(device, ("", ""))
            for name, value in measured.items():
                values[model, name].append((uuid, health.result.host, value))
    for rows in values.values():
        usual = statistics.median(value for _, _, value in rows)
        if usual <= 0 or len({(uuid, host) for uuid, host, _ in rows}) < 2:
            continue
        for uuid, host, value in rows:
            for name in filter(None, (uuid, host)):
                tallies[name].shares.append(value / usual)


def _base(check: str) -> str:
    name, _, device = check.rpartition(".")
    return name if device.startswith("cuda:") or device in ("cpu", "node") else check
