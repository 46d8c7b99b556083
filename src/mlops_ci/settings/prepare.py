"""The table `[prepare]`."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_ci.settings.units import Duration


@dataclass(frozen=True, kw_only=True)
class PrepareSettings:
    """Preprocessing on a CPU runner, cached by the fingerprint of code, data, image and parameters."""

    command: str | None = None
    """Reads `{data}` and writes into `{output}`, which is what training then sees as `{data}`."""
    timeout: Duration = Duration(3600)
    """Limit for the command."""
