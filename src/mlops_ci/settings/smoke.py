"""The table `[smoke]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from mlops_ci.settings.marks import Example, Range
from mlops_ci.settings.table import Table
from mlops_ci.settings.units import Duration
from mlops_ci.settings.words import Text

SmokeCheckName = Literal["loss", "gradients", "checkpoint"]


@dataclass(frozen=True, kw_only=True)
class SmokeSettings(Table):
    """The smoke run (`mlops-ci train --smoke`): a few steps of the training, to see in a minute what cannot work."""

    first: bool = False
    """Before every training: one that does not pass the smoke run does not start."""
    steps: Annotated[int, Range(2, 10_000)] = 20
    """Steps of the optimiser after which it ends."""
    patience: Annotated[int, Range(0, 100_000)] = 100
    """Steps that a script which resumes may take until it has saved its first checkpoint; and with several processes,
    the steps after which all of them end."""
    params: Annotated[Mapping[str, str | int | float | bool], Example({"epochs": 1})] = field(default_factory=dict)
    """Parameters in place of those of `[train] params` with the same name."""
    metric: Annotated[Text | None, Example("loss")] = None
    """A metric that the script logs, to be looked at in place of the loss on which it calls `backward()`."""
    goal: Literal["max", "min"] = "min"
    """Whether that metric must rise or fall."""
    checks: tuple[SmokeCheckName, ...] = ("loss", "gradients", "checkpoint")
    """What must hold: the loss falls, all gradients are finite, and what a second start resumes is what was there."""
    timeout: Duration = Duration(600)
    """Limit for the whole smoke run."""
