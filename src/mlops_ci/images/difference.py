"""Which layers and which files differ between two images that should be the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FIELDS = ("mode", "uid", "gid", "size", "time", "content")


@dataclass(frozen=True, kw_only=True)
class FileDifference:
    """A file that is not the same: `what` differs of it, or that only one of the two has it."""

    path: str
    what: str


def different_layers(first: Sequence[str], second: Sequence[str]) -> tuple[int, ...]:
    """The positions, lowest first, of the layers whose DiffIDs differ; those that only one has are among them."""
    longest = max(len(first), len(second))
    return tuple(index for index in range(longest) if first[index : index + 1] != second[index : index + 1])


def different_files(first: Mapping[str, Sequence[Any]], second: Mapping[str, Sequence[Any]]) -> list[FileDifference]:
    """Every path that differs, sorted."""
    found = []
    for path in sorted({*first, *second}):
        one, other = first.get(path), second.get(path)
        if one is None or other is None:
            found.append(FileDifference(path=path, what="only in the second" if one is None else "only in the first"))
            continue
        what = [name for name, a, b in zip(FIELDS, one, other, strict=True) if a != b]
        if what:
            found.append(FileDifference(path=path, what=", ".join(what)))
    return found
