"""Lines between a child that examines and its parent: one marked JSON object each, so that other output is harmless."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from mlops_ci.guest.health.check import Check, check_of

MARK = "MLOPS-PROBE "
Say = Callable[[str, Any], None]


@dataclass
class Told:
    """What one child told. `step` is what it had begun last; `ended` whether it came to its end."""

    checks: list[Check] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    step: str = "start"
    ended: bool = False


def say(kind: str, value: Any) -> None:
    """Print a line: `step`, `check`, `fact` (name, value) or `end`."""
    sys.stdout.write(f"\n{MARK}{json.dumps([kind, value])}\n")
    sys.stdout.flush()


def is_step(line: str) -> bool:
    """Whether a marked line says that a step begins."""
    return line.startswith(f'{MARK}["step",')


def read(lines: Iterable[str]) -> Told:
    """What the marked lines say; others, and damaged ones, are passed over."""
    told = Told()
    for line in lines:
        if not line.startswith(MARK):
            continue
        try:
            kind, value = json.loads(line[len(MARK) :])
            take(told, kind, value)
        except (ValueError, TypeError, KeyError):
            continue
    return told


def take(told: Told, kind: str, value: Any) -> None:
    """Note one line."""
    if kind == "step":
        told.step = str(value)
    elif kind == "check":
        told.checks.append(check_of(value))
    elif kind == "fact":
        told.facts[str(value[0])] = value[1]
    elif kind == "end":
        told.ended = True
