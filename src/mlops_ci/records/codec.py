"""Frozen dataclasses to JSON and back, strictly: an unknown shape is an error with the path where it stands."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from mlops_ci.errors import UsageError

T = TypeVar("T")


class RecordFormatError(UsageError):
    """A record on disk is not what its schema says."""


def to_json(value: Any) -> Any:
    """The JSON value of a dataclass; a field `from_` becomes the key `from`, a non-finite number becomes null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name.rstrip("_"): to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def from_json(cls: type[T], data: Any, where: str = "record") -> T:
    """A `cls` from its JSON value. Unknown keys are ignored (a newer version wrote them); a wrong type raises."""
    if not isinstance(data, Mapping):
        raise RecordFormatError(f"{where}: expected an object, found {type(data).__name__}", hint=_HINT)
    hints: dict[str, Any] = _hints(cls)  # type: ignore[arg-type]  # a class is hashable
    values: dict[str, Any] = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        key = field.name.rstrip("_")
        if key in data:
            values[field.name] = _convert(hints[field.name], data[key], f"{where}.{key}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise RecordFormatError(f"{where}: the key `{key}` is missing", hint=_HINT)
    return cls(**values)


_HINT = "the file was changed or cut; run the stage again with --force"


@cache
def _hints(cls: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _convert(kind: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if origin is not None:
        return _convert_generic(origin, typing.get_args(kind), value, where)
    if dataclasses.is_dataclass(kind):
        return from_json(typing.cast("type[Any]", kind), value, where)
    if kind is Any or kind is object:
        return value
    if kind is float:
        return float(_checked(_is_number(value, int | float), value, "a number", where))
    if kind is int:
        return _checked(_is_number(value, int), value, "a whole number", where)
    return _checked(isinstance(value, kind), value, kind.__name__, where)


def _convert_generic(origin: Any, arguments: tuple[Any, ...], value: Any, where: str) -> Any:
    if origin in (typing.Union, types.UnionType):
        return _convert_union(arguments, value, where)
    if origin is typing.Literal:
        return _checked(value in arguments, value, f"one of {list(arguments)}", where)
    if origin is tuple:
        _checked(isinstance(value, list), value, "a list", where)
        return tuple(_convert(arguments[0], one, f"{where}[{index}]") for index, one in enumerate(value))
    _checked(isinstance(value, dict), value, "an object", where)
    return {key: _convert(arguments[1], one, f"{where}.{key}") for key, one in value.items()}


def _is_number(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _convert_union(members: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in members:
        return None
    problem: RecordFormatError | None = None
    for member in members:
        if member is type(None):
            continue
        try:
            return _convert(member, value, where)
        except RecordFormatError as error:
            problem = error
    raise problem or RecordFormatError(f"{where}: null is not allowed", hint=_HINT)


def _checked(good: bool, value: Any, wanted: str, where: str) -> Any:
    if not good:
        raise RecordFormatError(f"{where}: expected {wanted}, found {value!r:.80}", hint=_HINT)
    return value
