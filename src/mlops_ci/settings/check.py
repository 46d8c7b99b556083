"""The table `[check]`."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_ci.settings.units import Duration


@dataclass(frozen=True, kw_only=True)
class CheckSettings:
    """Your own lint and unit tests, run in the image's environment before anything is trained."""

    commands: tuple[str, ...] = ()
    """Commands, run in order in a copy of the repository. The first that fails ends the stage."""
    timeout: Duration = Duration(900)
    """Limit for each command."""
