"""Outputs of the check stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mlops_ci.records.marks import VOLATILE


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """One command of the user's: `seconds` its duration."""

    command: str
    exit_code: int
    seconds: Annotated[float, VOLATILE]


@dataclass(frozen=True, kw_only=True)
class CheckOutputs:
    """The user's lint and test commands, in order."""

    commands: tuple[CommandResult, ...]
