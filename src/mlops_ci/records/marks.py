"""Marks on fields of records whose values may differ when the same work is done twice.

These are ids, times, and what is the machine's alone: its name and provider, addresses and folders, what its caches
held, what was measured on it. They stand in `Annotated[...]`, and as `x-volatile` in the JSON schema.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True)
class Volatile:
    """The whole field, or only these `parts` of the values in it."""

    parts: tuple[str, ...] = ()


VOLATILE = Volatile()
# A file that tells of ids or times: that it is there says something, its bytes do not.
VOLATILE_CONTENT = Volatile(parts=("bytes", "sha256"))


@cache
def hints_of(cls: type[Any]) -> Mapping[str, Any]:
    """The types of a dataclass's fields, with their marks."""
    return typing.get_type_hints(cls, include_extras=True)


def mark_of(cls: type[Any], field: dataclasses.Field[Any]) -> Volatile | None:
    """The mark of a dataclass's field."""
    hint = hints_of(cls)[field.name]  # type: ignore[arg-type]  # a class is hashable
    found = (one for one in getattr(hint, "__metadata__", ()) if isinstance(one, Volatile))
    return next(found, None)


def key_of(field: dataclasses.Field[Any]) -> str:
    """The field's name in JSON."""
    return field.name.rstrip("_")
