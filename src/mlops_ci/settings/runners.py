"""The table `[runners]`."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_ci.settings.table import Table
from mlops_ci.settings.words import Text


@dataclass(frozen=True, kw_only=True)
class RunnerSettings(Table):
    """Labels of the runners for each class of job; `plan` prints the choice."""

    plan: Text = "ubuntu-latest"
    """For `plan`: seconds of work."""
    cpu: Text = "ubuntu-latest"
    """For jobs that need no GPU."""
    gpu: Text = "self-hosted"
    """For verify and train."""
