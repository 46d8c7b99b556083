"""Runs and models side by side, as Markdown and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

from mlops_ci.records.codec import to_json
from mlops_ci.reporting.markup import code, table, text
from mlops_ci.reporting.side_by_side import Comparison, Side, Table, tables

SCHEMA = "mlops-ci/comparison/1"


def as_markdown(comparison: Comparison) -> str:
    """Headings and tables; curves are on the page alone."""
    names = [heading(side) for side in comparison.sides]
    parts = ["# Side by side", _about(comparison)]
    for one in tables(comparison):
        parts.append(f"## {one.title}")
        parts.append(_table(one, names) if one.rows else one.empty)
    if comparison.notes:
        parts += ["## Not compared", "\n".join(f"- {text(note)}" for note in comparison.notes)]
    return "\n\n".join(parts) + "\n"


def as_json(comparison: Comparison) -> str:
    """Everything but the points of curves."""
    short = replace(comparison, sides=tuple(replace(side, curves=()) for side in comparison.sides))
    sides = [{name: value for name, value in side.items() if name != "curves"} for side in to_json(short)["sides"]]
    return json.dumps({"schema": SCHEMA, **to_json(short), "sides": sides}, indent=2, allow_nan=False) + "\n"


def heading(side: Side) -> str:
    """What a side is called above its column."""
    version = f"{side.model}@{side.version}" if side.model and side.version else ""
    return side.name if side.name in {side.run, version} or not version else f"{side.name} = {version}"


def _about(comparison: Comparison) -> str:
    rows = [(text(heading(side)), code(side.run or "unknown"), text(side.verdict or "–")) for side in comparison.sides]
    return table(("", "run", "verdict"), rows)


def _table(one: Table, names: list[str]) -> str:
    rows = [(text(name), *((code if one.code else text)(cell) for cell in cells)) for name, cells in one.rows]
    return table(("", *map(text, names)), rows)
