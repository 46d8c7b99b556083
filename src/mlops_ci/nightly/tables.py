"""The rows of CSV, TSV and JSON Lines files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SEPARATORS = {".csv": ",", ".tsv": "\t"}
LINES = frozenset({".jsonl", ".ndjson"})
# A cell longer than this is a document, and no value to compare.
LONGEST_CELL = 1 << 20


class UnreadableTableError(ValueError):
    """The file is not what its name says."""


def table_files(folder: Path) -> list[Path]:
    """The tables below a folder, in a fixed order."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in (*SEPARATORS, *LINES))
    return sorted(path for path in found if path.is_file())


def rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """Row by row, from column name to value; nested values are left out. Raises `UnreadableTableError`."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            if path.suffix.lower() in LINES:
                yield from _objects(stream)
            else:
                csv.field_size_limit(LONGEST_CELL)
                reader = csv.DictReader(stream, delimiter=SEPARATORS[path.suffix.lower()])
                for row in reader:
                    yield {name: value for name, value in row.items() if name is not None}
    except (OSError, csv.Error) as error:
        raise UnreadableTableError(str(error)) from error


def _objects(stream: Iterator[str]) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError as error:
            raise UnreadableTableError(f"line {number} is no JSON") from error
        if not isinstance(found, dict):
            raise UnreadableTableError(f"line {number} is no JSON object")
        yield {str(name): value for name, value in found.items() if not isinstance(value, dict | list)}
