"""The table `[prepare]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mlops_ci.settings.marks import Example
from mlops_ci.settings.table import Table
from mlops_ci.settings.units import Duration
from mlops_ci.settings.words import Text


@dataclass(frozen=True, kw_only=True)
class PrepareSettings(Table):
    """Preprocessing on a CPU runner, cached by the fingerprint of code, data, image and parameters."""

    command: Annotated[Text | None, Example("python prepare.py --from {data} --to {output}")] = None
    """Reads `{data}` and writes into `{output}`, which is what training then sees as `{data}`."""
    timeout: Duration = Duration(3600)
    """Limit for the command."""
