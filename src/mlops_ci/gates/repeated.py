"""A repeated run against the first one: equal, within tolerance, or different."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Literal

Sameness = Literal["equal", "within-tolerance", "different"]
Kind = Literal["metric", "model", "data", "image"]
ORDER: tuple[Sameness, ...] = ("equal", "within-tolerance", "different")


@dataclass(frozen=True, kw_only=True)
class Tolerances:
    """Relative distances: `relative` for every metric that `metrics` does not name. `absolute` holds for all."""

    relative: float
    absolute: float
    metrics: Mapping[str, float] = field(default_factory=dict)

    def of(self, metric: str) -> float:
        """The relative tolerance of one metric."""
        return self.metrics.get(metric, self.relative)


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """One result of both runs. `difference` and `tolerance` are relative, None where there is no number to compare."""

    kind: Kind
    name: str
    sameness: Sameness
    before: float | str | None
    after: float | str | None
    difference: float | None = None
    tolerance: float | None = None
    why: str = ""


@cache
def default_tolerances() -> Tolerances:
    """The numbers of `resources/reproduce.toml`."""
    table = tomllib.loads(files("mlops_ci.resources").joinpath("reproduce.toml").read_text(encoding="utf-8"))
    return Tolerances(**table["metrics"])


def repeated_metrics(
    before: Mapping[str, float], after: Mapping[str, float], tolerances: Tolerances
) -> tuple[Repeated, ...]:
    """Every metric of either run, by name; one that only one of them has is different."""
    return tuple(_metric(name, before.get(name), after.get(name), tolerances) for name in sorted({*before, *after}))


def _metric(name: str, before: float | None, after: float | None, tolerances: Tolerances) -> Repeated:
    tolerance = tolerances.of(name)
    if before is None or after is None:
        why = "only the repeated run has it" if before is None else "the repeated run does not have it"
        return Repeated(
            kind="metric", name=name, sameness="different", before=before, after=after, tolerance=tolerance, why=why
        )
    distance = abs(after - before)
    difference = distance / max(abs(before), abs(after)) if distance else 0.0
    within = distance <= tolerances.absolute or difference <= tolerance
    return Repeated(
        kind="metric",
        name=name,
        sameness="equal" if before == after else "within-tolerance" if within else "different",
        before=before,
        after=after,
        difference=difference,
        tolerance=tolerance,
    )


def repeated_digest(kind: Kind, name: str, before: str | None, after: str | None) -> Repeated:
    """A result that is named by its digest: equal or different, there is nothing between."""
    return Repeated(
        kind=kind, name=name, sameness="equal" if before == after else "different", before=before, after=after
    )


def repeated_image(name: str, before: tuple[str, str], after: tuple[str, str]) -> Repeated:
    """Images as (content key, digest): built again from the same inputs, other bytes are no change."""
    same_key, same_digest = before[0] == after[0], bool(before[1]) and before[1] == after[1]
    other = "other bytes from the same inputs" if before[1] and after[1] else "its digest is not known"
    return Repeated(
        kind="image",
        name=name,
        sameness="equal" if same_digest else "within-tolerance" if same_key else "different",
        before=before[1],
        after=after[1],
        why=f"{other} (the same content key)" if same_key and not same_digest else "",
    )


def repeated_model(
    before: Mapping[str, str], after: Mapping[str, str], metrics: Sequence[Repeated]
) -> tuple[Repeated, ...]:
    """The model's files, name to digest. Other bytes are within tolerance when there are metrics that all are."""
    alike = bool(metrics) and worst(metrics) != "different"
    found = []
    for name in sorted({*before, *after}):
        one = repeated_digest("model", name, before.get(name), after.get(name))
        if one.sameness == "different" and alike and name in before and name in after:
            why = "other bytes, and every metric is within its tolerance"
            one = Repeated(
                kind="model", name=name, sameness="within-tolerance", before=one.before, after=one.after, why=why
            )
        found.append(one)
    return tuple(found)


def worst(results: Sequence[Repeated]) -> Sameness:
    """The verdict on all of them together; `equal` where there is none."""
    return max((one.sameness for one in results), key=ORDER.index, default="equal")
