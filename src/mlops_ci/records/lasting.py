"""A record without what is marked as volatile: equal for the same work, whoever did it, when and where."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from mlops_ci.records.codec import from_json, to_json
from mlops_ci.records.marks import key_of, mark_of
from mlops_ci.records.outputs import OUTPUTS
from mlops_ci.records.record import Record


def lasting(record: Record) -> dict[str, Any]:
    """The record as JSON, without the marked fields of its envelope and of its stage's outputs."""
    kept: dict[str, Any] = _kept(record)
    if record.outputs:
        typed = from_json(OUTPUTS[record.stage], record.outputs, where=f"{record.stage}: outputs")
        kept["outputs"] = _kept(typed)
    return kept


def _kept(value: Any, without: tuple[str, ...] = ()) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(value, without)
    if isinstance(value, Mapping):
        return {str(key): _kept(item, without) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_kept(item, without) for item in value]
    return to_json(value)


def _fields(value: Any, without: tuple[str, ...]) -> dict[str, Any]:
    kept = {}
    for field in dataclasses.fields(value):
        mark = mark_of(type(value), field)
        if key_of(field) in without or (mark is not None and not mark.parts):
            continue
        kept[key_of(field)] = _kept(getattr(value, field.name), mark.parts if mark is not None else ())
    return kept
