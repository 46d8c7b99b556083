"""What is wrong, or could be better, with a caller's file: where it stands, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "advice"]
ORDER: tuple[Level, ...] = ("error", "warning", "advice")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """An `error` stops the pipeline or makes it do what nobody wants; a `warning` may; an `advice` is no fault.

    `line` is 0 where the whole file is meant, or there is none. `fix` may have several lines, to be pasted as they
    stand.
    """

    level: Level
    file: str
    line: int
    message: str
    fix: str = ""


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each once, by file and line, the worst of a line first."""
    return tuple(
        sorted(dict.fromkeys(findings), key=lambda one: (one.file, one.line, ORDER.index(one.level), one.message))
    )
