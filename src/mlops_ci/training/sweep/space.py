"""The parameters of a sweep, and what values they may have."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_ci.settings.spans import Interval, parse
from mlops_ci.settings.sweep import Scalar, SweepSettings

Choices = tuple[Scalar, ...]
Space = Mapping[str, Choices | Interval]


def space(settings: SweepSettings) -> Space:
    """All parameters of a sweep."""
    return {**settings.values, **{name: parse(text) for name, text in settings.ranges.items()}}
