"""The table of failure classes, `failures.json`: rules in their order, and what is done about each class.

A rule applies when all of its conditions (`when`) hold; `classify.py` says what each condition means. Both sides read
this table: the guest to name the class, the control side to decide what is tried again.
"""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

SCHEMA = "mlops-ci/failures/1"
RETRY, RESUME = "retry", "resume"
SAME, OTHER = "same", "other"
SEARCHED = ("log", "traceback", "end")
CHECKPOINT, BEGINNING = "checkpoint", "beginning"


@dataclass(frozen=True)
class When:
    """The conditions of a rule; None (or no pattern) is no condition.

    `log` is searched in all lines at hand; `traceback` only from the first traceback on, where an exception ended the
    job, since what was printed before may have been dealt with; `end` in that exception alone, or in the last lines
    where there is none. `given` is a field of the evidence that must not be empty. `signals` are names, or `any`;
    `xids` are codes, or the verdict that verify's table gives them. Patterns are texts until they are searched for: to
    compile them all takes longer than most commands that import this table.
    """

    given: str | None = None
    stop: tuple[str, ...] | None = None
    saved: bool | None = None
    resumed: bool | None = None
    failed: bool | None = None
    signals: Union[tuple[str, ...], str, None] = None
    log: str | None = None
    traceback: str | None = None
    end: str | None = None
    xids: Union[tuple[int, ...], str, None] = None
    oom_kills: bool | None = None
    non_finite: bool | None = None


@dataclass(frozen=True)
class Rule:
    """One row of the table. `cause` is a template of one line; `{said}` is what the job itself said last."""

    name: str
    exit_code: int
    when: When
    cause: str
    hint: str
    source: str | None = None


@dataclass(frozen=True)
class Policy:
    """What is done about a class: tried again `tries` times after `wait` seconds (doubled each time), and how.

    `counts` says as what it is counted: a `retry` uses up `[train] retries`, a `resume` does not. `node` is `same`, or
    `other`: then not this stage but whoever started it tries again. `start` is the newest `checkpoint` (without one the
    beginning) or the `beginning`.
    """

    what: str
    tries: int
    counts: str
    wait: float
    node: str
    start: str


def _pattern(patterns: Sequence[str] | None) -> str | None:
    return "|".join(f"(?:{one})" for one in patterns) if patterns else None


def _several(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _when(raw: Mapping[str, Any]) -> When:
    plain = {name: _several(value) for name, value in raw.items() if name not in SEARCHED}
    log, traceback, end = (_pattern(raw.get(name)) for name in SEARCHED)
    return When(log=log, traceback=traceback, end=end, **plain)


def _rule(raw: Mapping[str, Any]) -> Rule:
    given = "{given}" if "given" in raw["when"] else "{said}"
    return Rule(
        name=raw["class"],
        exit_code=raw["exit_code"],
        when=_when(raw["when"]),
        cause=raw.get("cause", given),
        hint=raw["hint"],
        source=raw.get("source"),
    )


def _read() -> Any:
    data = pkgutil.get_data("mlops_ci.guest", "failures.json")
    if data is None:
        raise FileNotFoundError("failures.json")
    return json.loads(data)


_TABLE = _read()
RULES: tuple[Rule, ...] = tuple(map(_rule, _TABLE["rules"]))
POLICIES: Mapping[str, Policy] = {name: Policy(**raw) for name, raw in _TABLE["policies"].items()}
