"""What the tables of a data folder look like, column by column: small enough to keep, enough for the tests of drift.

CSV, TSV and JSON Lines files are read once, row by row. Columns of the same name in several files are one column.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from mlops_ci.nightly.tables import UnreadableTableError, rows, table_files
from mlops_ci.resources import read_toml

SCHEMA = "mlops-ci/data-profile/1"
SIGNIFICANT = 9

Kind = Literal["number", "category", "text"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """`mean`, `deviation` and `sample` (sorted) are a number's, `shares` a category's. `count` leaves missing out."""

    name: str
    kind: Kind
    count: int
    missing: int
    mean: float = 0.0
    deviation: float = 0.0
    sample: tuple[float, ...] = ()
    shares: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """`problems` are files that could not be read, and what was left out."""

    schema: str = SCHEMA
    run: str
    data_digest: str | None
    rows: int
    files: int
    columns: tuple[Column, ...]
    problems: tuple[str, ...] = ()


@cache
def reading() -> dict[str, int]:
    """How much is read and kept; see `resources/drift.toml`."""
    return dict(read_toml("drift.toml")["reading"])


def profile_of(folder: Path, *, run: str, data_digest: str | None, ignore: Collection[str] = ()) -> Profile:
    """The profile of all tables below the folder, without the columns to `ignore`; one without tables has no column."""
    gathered: dict[str, _Gathered] = {}
    problems: list[str] = []
    count, files = 0, table_files(folder)
    for path in files:
        try:
            for row in rows(path):
                if count >= reading()["rows"]:
                    problems.append(f"only the first {count} rows were looked at")
                    return _profile(run, data_digest, count, len(files), gathered, problems)
                count += 1
                for name, value in row.items():
                    if name not in ignore:
                        gathered.setdefault(name, _Gathered(name)).add(value)
        except UnreadableTableError as error:
            problems.append(f"{path.relative_to(folder)}: {error}")
    return _profile(run, data_digest, count, len(files), gathered, problems)


def _profile(
    run: str, digest: str | None, count: int, files: int, gathered: dict[str, _Gathered], problems: list[str]
) -> Profile:
    columns = tuple(gathered[name].column() for name in sorted(gathered))
    return Profile(run=run, data_digest=digest, rows=count, files=files, columns=columns, problems=tuple(problems))


class _Gathered:
    """One column while it is read: moments by Welford's method, a reservoir, and counts of the first values."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = self._numbers = self._missing = 0
        self._mean = self._squares = 0.0
        self._sample: list[float] = []
        self._values: Counter[str] = Counter()
        self._many = False
        # Seeded by the name: an equal folder gives an equal profile.
        self._random = random.Random(name)

    def add(self, value: Any) -> None:
        text = "" if value is None else str(value).strip()
        number = _number(text)
        if not text or (number is None and text.lower() in ("nan", "null", "none", "na")):
            self._missing += 1
            return
        self._count += 1
        self._many = self._many or (text not in self._values and len(self._values) >= reading()["categories"])
        if not self._many:
            self._values[text] += 1
        if number is not None:
            self._add_number(number)

    def _add_number(self, number: float) -> None:
        self._numbers += 1
        before = number - self._mean
        self._mean += before / self._numbers
        self._squares += before * (number - self._mean)
        if len(self._sample) < reading()["sample"]:
            self._sample.append(number)
        elif (place := self._random.randrange(self._numbers)) < reading()["sample"]:
            self._sample[place] = number

    def column(self) -> Column:
        plain = Column(name=self._name, kind=self._kind(), count=self._count, missing=self._missing)
        if plain.kind == "number":
            deviation = math.sqrt(self._squares / self._numbers)
            sample = tuple(map(_rounded, sorted(self._sample)))
            return replace(plain, mean=_rounded(self._mean), deviation=_rounded(deviation), sample=sample)
        if plain.kind == "category":
            shares = {value: _rounded(count / self._count) for value, count in sorted(self._values.items())}
            return replace(plain, shares=shares)
        return plain

    def _kind(self) -> Kind:
        """Numbers, unless they are few different whole ones: those are labels and codes."""
        if self._count and self._numbers == self._count:
            whole = not self._many and all(float(value).is_integer() for value in self._values)
            return "category" if whole and len(self._values) <= reading()["codes"] else "number"
        return "text" if self._many or not self._count else "category"


def is_number(text: str) -> bool:
    """Whether the text is a finite number."""
    return _number(text) is not None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _rounded(number: float) -> float:
    return float(f"{number:.{SIGNIFICANT}g}")
