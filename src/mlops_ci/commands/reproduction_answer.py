"""What `mlops-ci reproduce` found, for people and for programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mlops_ci.errors import GateError, UncheckedError
from mlops_ci.gates.repeated import Repeated, Sameness
from mlops_ci.records.codec import to_json
from mlops_ci.stages.reproduction_inputs import Input

SCHEMA = "mlops-ci/reproduction/1"
WORDS: dict[Sameness, str] = {"equal": "equal", "within-tolerance": "within tolerance", "different": "different"}
MARKS: dict[Sameness, str] = {"equal": "✓", "within-tolerance": "≈", "different": "✗"}
SHORT = 19
CODES: dict[Sameness, int] = {"equal": 0, "within-tolerance": 0, "different": GateError.exit_code}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`reproduction` is the id of the run that repeated `run`, null when none began; `why` is empty when it was carried
    out. `inputs` are what the run was made from, `results` what both runs made.
    """

    run: str
    verdict: Sameness | Literal["not-carried-out"]
    exit_code: int
    why: str = ""
    hint: str = ""
    reproduction: str | None = None
    inputs: tuple[Input, ...] = ()
    results: tuple[Repeated, ...] = ()


def carried_out(
    run: str, reproduction: str, inputs: tuple[Input, ...], results: tuple[Repeated, ...], sameness: Sameness
) -> Answer:
    """The answer to a run that was repeated."""
    return Answer(
        run=run,
        verdict=sameness,
        exit_code=CODES[sameness],
        reproduction=reproduction,
        inputs=inputs,
        results=results,
    )


def not_carried_out(run: str, why: str, *, hint: str = "", inputs: Sequence[Input] = (), **more: Any) -> Answer:
    """The answer when nothing could be compared; exit code 4 unless `more` says another."""
    values = {"exit_code": UncheckedError.exit_code, **more}
    return Answer(run=run, verdict="not-carried-out", why=why, hint=hint, inputs=tuple(inputs), **values)


def as_json(answer: Answer) -> dict[str, Any]:
    """The JSON value. A tolerance without a limit becomes null."""
    found: dict[str, Any] = to_json(answer)
    return {"schema": SCHEMA, **found}


def as_text(answer: Answer) -> str:
    """The verdict, then one line per input and per result."""
    again = f" again as run {answer.reproduction}" if answer.reproduction else ""
    verdict = "could not be repeated" if answer.verdict == "not-carried-out" else WORDS[answer.verdict]
    lines = [f"{verdict.upper()}: run {answer.run}{again}"]
    lines += [f"  {text}" for text in (answer.why, answer.hint) if text]
    lines += [_input(one) for one in answer.inputs]
    lines += [_result(one) for one in answer.results]
    return "\n".join(lines)


def _input(one: Input) -> str:
    mark = "✓" if one.status == "same" else "✗"
    value = f" {_short(one.value)}" if one.value else ""
    return f"{mark} input {one.name:<7} {one.status}{value}{f': {one.why}' if one.why else ''}"


def _result(one: Repeated) -> str:
    values = "" if one.sameness == "equal" and one.after is None else f" {_short(one.before)}"
    if one.sameness != "equal":
        values += f" → {_short(one.after)}"
    why = f": {one.why}" if one.why else ""
    return f"{MARKS[one.sameness]} {_name(one)}: {WORDS[one.sameness]}{values}{_distance(one)}{why}"


def _name(one: Repeated) -> str:
    return one.name if one.kind == one.name else f"{one.kind} {one.name}"


def _distance(one: Repeated) -> str:
    if one.tolerance is None:
        return ""
    allowed = "any" if math.isinf(one.tolerance) else f"{one.tolerance:.3g}"
    away = "" if one.difference is None else f"{one.difference:.3g} away, "
    return f" (relative: {away}tolerance {allowed})"


def _short(value: float | str | None) -> str:
    if value is None:
        return "none"
    return value[:SHORT] if isinstance(value, str) else f"{value:.9g}"
