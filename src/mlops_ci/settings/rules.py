"""Rules for further metrics that people write as `"min limit 20 margin 5%"`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from mlops_ci.settings.marks import Form

NUMBER = r"[-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
RULE = rf"^\s*(max|min)(?:\s+limit\s+({NUMBER}))?(?:\s+margin\s+({NUMBER})(%)?)?\s*$"
MetricRule = Annotated[str, Form(RULE, 'a rule such as "min", "max limit 0.8" or "min limit 20 margin 5%"')]


@dataclass(frozen=True, kw_only=True)
class AlsoRule:
    """Which way a metric is better, the value that it must reach, and by how much it may be worse than the champion's.

    A `relative` margin is a share of the champion's value. A rule with a limit and without a margin asks for no
    champion: the limit is enough.
    """

    goal: Literal["max", "min"]
    limit: float | None = None
    margin: float | None = None
    relative: bool = False

    def allowed(self, champion: float) -> float:
        """The margin in the metric's unit."""
        margin = self.margin or 0.0
        return margin * abs(champion) if self.relative else margin

    @property
    def compares(self) -> bool:
        """Whether the champion's value matters."""
        return self.limit is None or self.margin is not None


def parse(text: str) -> AlsoRule:
    """The rule that a text of this form says; raises `ValueError`."""
    match = re.match(RULE, text)
    if match is None:
        raise ValueError('expected a rule such as "min limit 20 margin 5%"')
    margin = float(match[3]) if match[3] else None
    if margin is not None and margin < 0:
        raise ValueError("a margin is not below 0")
    relative = match[4] is not None
    return AlsoRule(
        goal="max" if match[1] == "max" else "min",
        limit=float(match[2]) if match[2] else None,
        margin=margin / 100 if relative and margin is not None else margin,
        relative=relative,
    )
