"""The same data without secrets: before it is rendered, since markup that is escaped hides a secret from a search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

T = TypeVar("T")


def redacted(value: T, clean: Callable[[str], str]) -> T:
    """A copy in which every text, at any depth, is what `clean` gives for it."""
    found: Any = _clean(value, clean)
    return found  # type: ignore[no-any-return]


def _clean(value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, tuple):
        return tuple(_clean(one, clean) for one in value)
    if isinstance(value, list):
        return [_clean(one, clean) for one in value]
    if isinstance(value, Mapping):
        return {_clean(key, clean): _clean(one, clean) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: _clean(getattr(value, one.name), clean) for one in fields(value)})
    return value
