"""Errors that a user can meet: one base class per exit code, each with a cause and the next step.

A room subclasses the class with the right exit code beside the code that raises it. Every class has a `failure_class`
(its name in records) and every instance a one-line `cause` and a `hint`: what to do next.
"""

from __future__ import annotations

import re
from typing import ClassVar


class MlopsError(Exception):
    """Base of all errors that are reported to the user without a traceback.

    `cause` is what happened and the likely reason, in one line; `hint` the next step; `details` are further lines
    (for example the last lines of a failed command), shown whole.
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, cause: str, *, hint: str = "", details: tuple[str, ...] = ()) -> None:
        super().__init__(cause)
        self.cause = cause
        self.hint = hint
        self.details = details

    @property
    def failure_class(self) -> str:
        """The kebab-case name under which records carry this error."""
        name = type(self).__name__.removesuffix("Error")
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


class GateError(MlopsError):
    """A gate said no: findings above the policy, a floor missed. Nobody retries."""

    exit_code = 1


class UsageError(MlopsError):
    """The command line or the configuration is wrong. Nobody retries."""

    exit_code = 2


class MissingError(MlopsError):
    """Something needed is missing or too old on this machine. Nobody retries."""

    exit_code = 3


class UncheckedError(MlopsError):
    """A check could not be carried out. It never counts as passed, and nobody retries."""

    exit_code = 4


class InfrastructureError(MlopsError):
    """Registry, object store, tracking server, network or engine failed after the retries inside."""

    exit_code = 10


class NodeError(MlopsError):
    """The node is unhealthy: another one may succeed."""

    exit_code = 11


class PreemptedError(MlopsError):
    """Preempted or out of time with a checkpoint saved: the next attempt resumes."""

    exit_code = 12


class UserCodeError(MlopsError):
    """The user's own code failed. Nobody retries."""

    exit_code = 20


class OutOfTimeError(MlopsError):
    """Out of time or stalled, and no checkpoint was saved."""

    exit_code = 21


class InternalError(MlopsError):
    """A bug of mlops-ci."""

    exit_code = 70


class InterruptedRunError(MlopsError):
    """The user pressed Ctrl-C."""

    exit_code = 130


class TerminatedRunError(MlopsError):
    """The process was asked to end (SIGTERM)."""

    exit_code = 143


BY_EXIT_CODE: dict[int, type[MlopsError]] = {
    error.exit_code: error
    for error in (
        GateError,
        UsageError,
        MissingError,
        UncheckedError,
        InfrastructureError,
        NodeError,
        PreemptedError,
        UserCodeError,
        OutOfTimeError,
        InternalError,
        InterruptedRunError,
        TerminatedRunError,
    )
}
