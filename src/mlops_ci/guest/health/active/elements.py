"""Wrong elements: how they differ, and what their places say."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

SHOWN = 4


@dataclass(frozen=True)
class Wrong:
    """One element of a matrix that is not what it must be."""

    row: int
    column: int
    got: float
    expected: float


def differing_bits(kind: str, got: float, expected: float) -> tuple[int, ...]:
    """Which bits of the stored number differ, 0 being the lowest; none where one of the two cannot be stored so."""
    first, second = _pattern(kind, got), _pattern(kind, expected)
    if first is None or second is None:
        return ()
    return tuple(bit for bit in range(64) if (first ^ second) >> bit & 1)


def stride(positions: Sequence[int]) -> int:
    """The common distance of positions in memory: corrupted addresses repeat with the width of a warp or a tile."""
    ordered = sorted(set(positions))
    return math.gcd(*(place - ordered[0] for place in ordered[1:])) if len(ordered) > 2 else 0


def describe(kind: str, wrong: Sequence[Wrong], *, columns: int) -> str:
    """Places, values and bits of the first ones, and the stride of all."""
    shown = [_one(kind, one) for one in wrong[:SHOWN]]
    more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    step = stride([one.row * columns + one.column for one in wrong])
    regular = f"; all are multiples of {step} elements apart" if step > 1 else ""
    return ", ".join(shown) + more + regular


def _one(kind: str, one: Wrong) -> str:
    bits = differing_bits(kind, one.got, one.expected)
    flipped = f", bit{'s' if len(bits) > 1 else ''} {', '.join(map(str, bits))} flipped" if 0 < len(bits) <= 4 else ""
    digits = ".17g" if kind == "fp64" else ".9g"
    return f"({one.row}, {one.column}): {one.got:{digits}} instead of {one.expected:{digits}}{flipped}"


def _pattern(kind: str, value: float) -> int | None:
    try:
        if kind == "int8":
            return int(value) & 0xFFFFFFFF
        if kind == "fp64":
            return int.from_bytes(struct.pack(">d", value), "big")
        if kind == "fp16":
            return int.from_bytes(struct.pack(">e", value), "big")
        whole = int.from_bytes(struct.pack(">f", value), "big")
    except (OverflowError, ValueError):
        return None
    return whole >> 16 if kind == "bf16" else whole
