"""Keys of the configuration: paths of names, written as TOML writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

# Names of tables and keys; a number is the position in a list.
Key = tuple[str | int, ...]

BARE = re.compile(r"[A-Za-z0-9_-]+")


def dotted(key: Key) -> str:
    """The key as it stands in the file: `train.params.lr`, `mirrors.images."debian:bookworm-slim"`."""
    return ".".join(one if BARE.fullmatch(one) else json.dumps(one, ensure_ascii=False) for one in map(str, key))


def leaves(tree: Mapping[str, Any], above: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Every value that is no table, and every empty table, with its key."""
    for name, value in tree.items():
        key = (*above, name)
        if isinstance(value, Mapping) and value:
            yield from leaves(value, key)
        else:
            yield key, value


def lookup(tree: Mapping[str, Any], key: Key) -> Any:
    """The value at `key`, or None where there is none."""
    value: Any = tree
    for name in key:
        is_item = isinstance(value, list) and isinstance(name, int) and 0 <= name < len(value)
        if not is_item and not (isinstance(value, Mapping) and name in value):
            return None
        value = value[name]
    return value
