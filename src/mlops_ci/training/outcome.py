"""The end of a job, read from the guest's `outcome.json` (`mlops-ci/outcome/1`), and the error that it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_ci.errors import InfrastructureError, InternalError, MlopsError

SCHEMA = "mlops-ci/outcome/1"


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command that ran: `exit_code` is null while it never ended by itself."""

    name: str
    exit_code: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job ended. `exit_code` is ours (the table of exit codes), not the user's program's."""

    class_: str
    exit_code: int
    cause: str
    hint: str
    seconds: float
    commands: tuple[Command, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    resumed_from: int | None = None
    checkpoint: Mapping[str, Any] | None = None
    devices: tuple[str, ...] = ()
    device_details: tuple[Mapping[str, Any], ...] = ()
    model: tuple[str, ...] = ()
    checks: tuple[Mapping[str, Any], ...] = ()
    verdict: str | None = None
    peak_memory_bytes: int | None = None
    warnings: tuple[str, ...] = ()


class JobError(MlopsError):
    """A job inside the image failed: its class, exit code, cause and next step are the guest's own."""

    def __init__(self, outcome: Outcome, *, details: tuple[str, ...] = ()) -> None:
        super().__init__(outcome.cause, hint=outcome.hint, details=details)
        self.outcome = outcome
        self.exit_code = outcome.exit_code  # type: ignore[misc]  # one class, the exit code of the job

    @property
    def failure_class(self) -> str:
        """The guest's class."""
        return self.outcome.class_


class GuestLostError(InfrastructureError):
    """The job ended without a word: killed, or its engine died."""


class GuestGarbageError(InternalError):
    """The guest wrote an outcome that is none."""


def read_outcome(data: Mapping[str, Any]) -> Outcome:
    """The outcome in what the guest wrote; raises `GuestGarbageError`."""
    try:
        if data["schema"] != SCHEMA:
            raise ValueError(f"schema {data['schema']!r}")
        return Outcome(
            class_=str(data["class"]),
            exit_code=int(data["exit_code"]),
            cause=str(data.get("cause") or ""),
            hint=str(data.get("hint") or ""),
            seconds=float(data["seconds"]),
            commands=tuple(_command(one) for one in data.get("commands") or ()),
            metrics={str(name): float(value) for name, value in (data.get("metrics") or {}).items()},
            resumed_from=_whole(data.get("resumed_from_step")),
            checkpoint=data.get("checkpoint"),
            devices=tuple(str(one) for one in data.get("devices") or ()),
            device_details=tuple(data.get("device_details") or ()),
            model=tuple(str(one["path"]) for one in (data.get("model") or {}).get("files", ())),
            checks=tuple(data.get("checks") or ()),
            verdict=data.get("verdict"),
            peak_memory_bytes=_whole((data.get("usage") or {}).get("peak_memory_bytes")),
            warnings=tuple(str(one) for one in data.get("warnings") or ()),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GuestGarbageError(
            f"the guest's outcome.json is not usable: {error!r}", hint="run the stage again"
        ) from error


def _command(one: Mapping[str, Any]) -> Command:
    code = one.get("exit_code")
    return Command(
        name=str(one["name"]), exit_code=-1 if code is None else int(code), seconds=float(one.get("seconds") or 0)
    )


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
