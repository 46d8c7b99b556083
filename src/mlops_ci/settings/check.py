"""The table `[check]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mlops_ci.settings.marks import Stricter
from mlops_ci.settings.table import Table
from mlops_ci.settings.units import Duration
from mlops_ci.settings.words import Text


@dataclass(frozen=True, kw_only=True)
class CheckSettings(Table):
    """Your own lint and unit tests, run in the image's environment before anything is trained."""

    commands: Annotated[tuple[Text, ...], Stricter("more")] = ()
    """Commands, run in order in a copy of the repository. The first that fails ends the stage."""
    timeout: Duration = Duration(900)
    """Limit for all commands together."""
