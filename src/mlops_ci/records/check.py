"""Outputs of the check stage."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """One command of the user's: `seconds` its duration."""

    command: str
    exit_code: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class CheckOutputs:
    """The user's lint and test commands, in order."""

    commands: tuple[CommandResult, ...]
