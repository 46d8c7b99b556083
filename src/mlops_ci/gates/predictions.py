"""`predictions.csv`: one row per example with `id`, `target`, `prediction`, and columns that name slices."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mlops_ci.gates.errors import PredictionsUnusableError

REQUIRED = ("id", "target", "prediction")
SHOWN = 3
_REWRITE = "let the `[evaluate] command` write one row per example, with the columns id, target, prediction"
_SAME_DATA = "score both models with the same `[evaluate] command` on the same data: `mlops-ci evaluate --force --only`"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One example, as text. `columns` holds what else the file says about it."""

    id: str
    target: str
    prediction: str
    columns: Mapping[str, str]


Predictions = tuple[Row, ...]
"""The rows of one `predictions.csv`."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One example with the predictions of both models; `columns` are the challenger's."""

    id: str
    target: str
    challenger: str
    champion: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Paired:
    """The examples on which both models were scored."""

    pairs: tuple[Pair, ...]

    @cached_property
    def numbers(self) -> tuple[tuple[float, float, float], ...] | None:
        """(target, challenger, champion) of every example as finite numbers; None when one of them is not."""
        rows = []
        for pair in self.pairs:
            row = (number(pair.target), number(pair.challenger), number(pair.champion))
            if None in row:
                return None
            rows.append(row)
        return tuple(rows)  # type: ignore[arg-type]

    def hits(self) -> tuple[tuple[bool, bool], ...]:
        """Of every example, whether the challenger and whether the champion are right."""
        return tuple((same(p.challenger, p.target), same(p.champion, p.target)) for p in self.pairs)

    def slices(self, column: str) -> dict[str, Paired]:
        """The examples told apart by a column; raises `PredictionsUnusableError` when there is no such column."""
        found: dict[str, list[Pair]] = {}
        for pair in self.pairs:
            if column not in pair.columns:
                known = ", ".join(f"`{name}`" for name in pair.columns) or "none beside id, target, prediction"
                raise PredictionsUnusableError(
                    f"predictions.csv has no column `{column}` to tell slices apart; its columns: {known}",
                    hint="name another column under `[evaluate] slices`, or write this one",
                )
            found.setdefault(pair.columns[column], []).append(pair)
        return {value: Paired(tuple(pairs)) for value, pairs in sorted(found.items())}


def read_predictions(path: Path) -> Predictions:
    """The rows of a `predictions.csv` (UTF-8, comma separated, with a header); raises `PredictionsUnusableError`."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = tuple(_rows(csv.reader(stream, strict=True), path.name))
    except FileNotFoundError as error:
        raise PredictionsUnusableError(f"{path} does not exist", hint=_REWRITE) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PredictionsUnusableError(f"{path} cannot be read: {error}", hint=_REWRITE) from error
    if not rows:
        raise PredictionsUnusableError(f"{path} has no rows", hint=_REWRITE)
    return rows


def pair(challenger: Sequence[Row], champion: Sequence[Row]) -> Paired:
    """Both models' rows by example, in the challenger's order.

    Raises `PredictionsUnusableError` naming what differs: the number of rows, the ids, or the targets.
    """
    theirs = {row.id: row for row in champion}
    _same_ids([row.id for row in challenger], list(theirs))
    moved = [row.id for row in challenger if not same(row.target, theirs[row.id].target)]
    if moved:
        first = next(row for row in challenger if row.id == moved[0])
        raise PredictionsUnusableError(
            f"challenger and champion were scored against different targets: {len(moved)} of {len(theirs)} differ "
            f"(id {_listed(moved)}: {first.target!r} and {theirs[first.id].target!r})",
            hint=_SAME_DATA,
        )
    return Paired(
        tuple(
            Pair(
                id=row.id,
                target=row.target,
                challenger=row.prediction,
                champion=theirs[row.id].prediction,
                columns=row.columns,
            )
            for row in challenger
        )
    )


def same(left: str, right: str) -> bool:
    """Whether two cells mean the same: the same text, or the same number (`3` and `3.0`)."""
    if left == right:
        return True
    first, second = number(left), number(right)
    return first is not None and first == second


def _rows(reader: Iterator[list[str]], name: str) -> Iterator[Row]:
    header = [cell.strip() for cell in next(reader, [])]
    missing = [column for column in REQUIRED if column not in header]
    if missing:
        raise PredictionsUnusableError(f"{name} has no column {_listed(missing)} in its first line", hint=_REWRITE)
    if len(set(header)) != len(header):
        raise PredictionsUnusableError(f"{name} names a column twice in its first line", hint=_REWRITE)
    seen: set[str] = set()
    for line, cells in enumerate(reader, start=2):
        if not cells:
            continue
        if len(cells) != len(header):
            raise PredictionsUnusableError(
                f"row {line} of {name} has {len(cells)} cells, the first line has {len(header)}", hint=_REWRITE
            )
        values = {column: cell.strip() for column, cell in zip(header, cells, strict=True)}
        if values["id"] in seen:
            raise PredictionsUnusableError(f"row {line} of {name} repeats the id {values['id']!r}", hint=_REWRITE)
        seen.add(values["id"])
        yield Row(id=values.pop("id"), target=values.pop("target"), prediction=values.pop("prediction"), columns=values)


def _same_ids(challenger: Sequence[str], champion: Sequence[str]) -> None:
    if len(challenger) != len(champion):
        raise PredictionsUnusableError(
            f"challenger and champion were scored on different examples: {len(challenger)} and {len(champion)} rows",
            hint=_SAME_DATA,
        )
    known = set(champion)
    extra = [one for one in challenger if one not in known]
    if extra:
        raise PredictionsUnusableError(
            f"challenger and champion were scored on different examples: {len(extra)} ids of the challenger are not "
            f"among the champion's ({_listed(extra)})",
            hint=_SAME_DATA,
        )


def number(text: str) -> float | None:
    """The finite number in a cell, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (" ..." if len(names) > SHOWN else "")
