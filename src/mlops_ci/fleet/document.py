"""A verdict as a document of its own (`mlops-ci/health/1`): what the cache, the history and other tools read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_ci.errors import UncheckedError
from mlops_ci.records.codec import RecordFormatError, from_json, to_json
from mlops_ci.records.verify import VerifyOutputs

SCHEMA = "mlops-ci/health/1"


class HealthFormatError(UncheckedError):
    """A document of the health check is not what one of ours looks like."""


@dataclass(frozen=True, kw_only=True)
class Health:
    """One look at a node: when, by which run, in which image, and what it gave. `exit_code` is the check's own."""

    at: str
    run: str
    image: str
    gpus: int
    exit_code: int
    result: VerifyOutputs
    schema: str = SCHEMA


def written(health: Health) -> dict[str, Any]:
    """As JSON."""
    return {"schema": SCHEMA, **{name: value for name, value in to_json(health).items() if name != "schema"}}


def read(data: bytes | str, where: str) -> Health:
    """The document; raises `HealthFormatError`."""
    try:
        raw = json.loads(data)
        if not isinstance(raw, Mapping) or raw.get("schema") != SCHEMA:
            raise ValueError(f"it is not of the schema {SCHEMA}")
        return from_json(Health, dict(raw), where=where)
    except (ValueError, RecordFormatError) as error:
        raise HealthFormatError(f"{where} cannot be read: {error}", hint="remove it, or restore it") from error
