"""What a server is told: one JSON file in its image, written by the deploy stage."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping, Optional

from mlops_ci.guest.files import read_json

SCHEMA = "mlops-ci/service/1"
FILE = "service.json"


@dataclass(frozen=True)
class Limits:
    """`batch` examples and `body` bytes in a request; `workers` predict at once and `queue` requests wait for them.

    `timeout` seconds until an answer, `drain` seconds for requests under way when the server is to end.
    """

    batch: int = 64
    body: int = 4 * 1024 * 1024
    workers: int = 1
    queue: int = 16
    timeout: float = 30.0
    drain: float = 20.0


@dataclass(frozen=True)
class Example:
    """A recorded request: what the model gave for `inputs` when it was trained, or None where nobody kept it."""

    inputs: list[Any]
    outputs: Optional[list[Any]] = None
    tolerance: float = 1e-4


@dataclass(frozen=True)
class Service:
    """`model` is what `/metrics` and every answer say of the model: name, version, digest, run."""

    entry: str
    port: int = 8080
    model: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = Limits()
    example: Optional[Example] = None


def read(path: Path) -> Service:
    """The service of a file. Raises `OSError`, `ValueError`."""
    told = read_json(path)
    if not isinstance(told, dict) or told.get("schema") != SCHEMA:
        raise ValueError(f"{path} is no {SCHEMA}")
    example = told.get("example")
    try:
        return Service(
            entry=str(told["entry"]),
            port=int(told["port"]),
            model={str(key): str(value) for key, value in told["model"].items()},
            limits=Limits(**told["limits"]),
            example=Example(**example) if example is not None else None,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} cannot be read: {error!r}") from error


def as_json(service: Service) -> dict[str, Any]:
    """The form of the file."""
    example = service.example
    return {
        "schema": SCHEMA,
        "entry": service.entry,
        "port": service.port,
        "model": dict(service.model),
        "limits": vars(service.limits),
        "example": vars(example) if example is not None else None,
    }
