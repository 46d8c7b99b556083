"""Why a comparison could not be carried out: never a pass, exit code 4."""

from __future__ import annotations

from mlops_ci.errors import UncheckedError


class MetricUnusableError(UncheckedError):
    """The metric that decides is missing, not a number, or not finite."""


class PredictionsUnusableError(UncheckedError):
    """A `predictions.csv` can't be read, or those of challenger and champion do not belong together."""
