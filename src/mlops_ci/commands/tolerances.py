"""`--tolerance METRIC=SHARE`: how far a repeated metric may be from the first one."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace

from mlops_ci.errors import UsageError
from mlops_ci.gates.repeated import Tolerances, default_tolerances
from mlops_ci.nearness import did_you_mean


class ToleranceError(UsageError):
    """A tolerance that is none."""


def parse_tolerances(texts: Sequence[str], metrics: Collection[str]) -> Tolerances:
    """`0.01` for every metric, `loss=0.05` for one, a later one replacing an earlier one. Raises `ToleranceError`."""
    found = default_tolerances()
    for text in texts:
        name, equals, value = text.rpartition("=")
        if equals and name not in metrics:
            raise ToleranceError(
                f"--tolerance {text}: the run has no metric `{name}`{did_you_mean(name, metrics)}",
                hint=f"its metrics: {', '.join(sorted(metrics)) or 'none'}",
            )
        share = _share(text, value)
        found = replace(found, metrics={**found.metrics, name: share}) if equals else replace(found, relative=share)
    return found


def _share(text: str, value: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if share < 0 or math.isnan(share):
        raise ToleranceError(
            f"--tolerance {text}: `{value}` is no tolerance",
            hint="a share of the value: 0.01 for one percent, 0 for none, inf for any",
        )
    return share
