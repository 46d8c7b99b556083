"""Bounds of settings: whether a value is as strict as a policy demands, and what would be. Pure functions."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from mlops_ci.config.declared import annotation_at, bare, choices, tables
from mlops_ci.config.keys import Key
from mlops_ci.config.toml_text import written
from mlops_ci.settings.marks import Direction, Stricter

LISTED: tuple[Direction, ...] = ("listed", "listed-or-unset")
WILD = frozenset("*?[")


@dataclass(frozen=True, kw_only=True)
class Bound:
    """What one policy demands of one setting: `limit` as the tables have it, `raw` as it is written there."""

    key: Key
    direction: Direction
    limit: Any
    raw: Any
    where: str

    @property
    def in_words(self) -> str:
        """The demand, and where it stands."""
        return f"{WORDS[self.direction].format(written(self.limit))} ({self.where})"


WORDS: Mapping[Direction, str] = {
    "lower": "at most {}",
    "higher": "at least {}",
    "better": "at least as good as {}",
    "true": "{}",
    "false": "{}",
    "more": "at least {}",
    "fewer": "nothing but {}",
    "earlier": "{} or stricter",
    "same": "{}",
    "listed": "one of {}",
    "listed-or-unset": "one of {}",
}


# Whether a value is as strict as the limit; the other directions need to know more than both.
STRICT: Mapping[Direction, Callable[[Any, Any], bool]] = {
    "lower": lambda value, limit: value is not None and value <= limit,
    "higher": lambda value, limit: value is not None and value >= limit,
    "true": lambda value, limit: value or not limit,
    "false": lambda value, limit: limit or not value,
    "more": lambda value, limit: set(limit) <= set(value),
    "fewer": lambda value, limit: set(value) <= set(limit),
    "same": lambda value, limit: bool(value == limit),
}


def direction_of(key: Key) -> Direction | None:
    """Which way the setting becomes stricter; None for one that no policy can bound."""
    marks = getattr(annotation_at(key), "__metadata__", ())
    return next((mark.direction for mark in marks if isinstance(mark, Stricter)), None)


def boundable() -> Mapping[str, tuple[str, ...]]:
    """All settings that a policy can bound, by table."""
    found = {
        name: tuple(key for key in table.fields if direction_of((name, key)) is not None)
        for name, table in tables().items()
    }
    return {name: keys for name, keys in found.items() if keys}


def laxer(bound: Bound, value: Any, *, goal: str) -> Key | None:
    """The key (of the setting, or of a value in it) that is laxer than the bound; None when all is well."""
    if bound.direction in LISTED:
        return _unlisted(bound, value)
    return None if _strict(bound, value, goal) else bound.key


def _strict(bound: Bound, value: Any, goal: str) -> bool:
    if bound.direction == "earlier":
        order = [one for choice in choices(annotation_at(bound.key)) for one in get_args(bare(choice))]
        return order.index(value) <= order.index(bound.limit)
    if bound.direction == "better":
        return value is not None and STRICT["lower" if goal == "min" else "higher"](value, bound.limit)
    return STRICT[bound.direction](value, bound.limit)


def _unlisted(bound: Bound, value: Any) -> Key | None:
    if value is None:
        return bound.key if bound.direction == "listed" else None
    if isinstance(value, Mapping):
        named = [((*bound.key, name), one) for name, one in value.items()]
    else:
        named = [(bound.key, one) for one in ((value,) if isinstance(value, str) else value)]
    return next((key for key, one in named if not any(fnmatch.fnmatchcase(one, limit) for limit in bound.limit)), None)


def tightened(bound: Bound, value: Any) -> Any:
    """What a setting that nobody set must be, as the file would say it; None where the policy names no single value."""
    match bound.direction:
        case "more":
            return [*value, *(one for one in bound.limit if one not in value)]
        case "fewer":
            return [one for one in value if one in bound.limit]
        case "listed" | "listed-or-unset":
            only = bound.limit[0]
            return only if len(bound.limit) == 1 and not WILD & set(only) else None
        case _:
            return bound.raw
