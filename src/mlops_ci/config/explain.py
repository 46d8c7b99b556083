"""The effective configuration in lines for people: what is set, to what, and from where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlops_ci.config.declared import tables
from mlops_ci.config.keys import dotted
from mlops_ci.config.toml_text import written
from mlops_ci.redaction import MASK, Redactor, is_secret_name
from mlops_ci.settings.settings import Settings, Source

NOT_SET = "not set"
WIDEST_VALUE = 60


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line to show; `dim` marks a default, which should not catch the eye."""

    text: str
    dim: bool


def effective(settings: Settings) -> tuple[Line, ...]:
    """All settings by table, aligned, each value as TOML with its source behind it and secrets hidden."""
    rows = [list(_rows(settings, name)) for name in tables()]
    names = max(len(name) for table in rows for name, _, _ in table)
    values = min(WIDEST_VALUE, max(len(value) for table in rows for _, value, _ in table))
    lines = []
    for name, table in zip(tables(), rows, strict=True):
        lines.append(Line(text=f"[{name}]", dim=all(source.kind == "default" for _, _, source in table)))
        for key, value, source in table:
            bound = settings.governance.bounds.get(f"{name}.{key}") if source.kind != "policy" else None
            demand = f"; policy: {bound}" if bound else ""
            text = f"  {key:<{names}} = {value:<{values}}  # {_from(source, settings.mode)}{demand}"
            lines.append(Line(text=text, dim=source.kind == "default"))
    return tuple(lines)


def _rows(settings: Settings, name: str) -> Iterator[tuple[str, str, Source]]:
    """Key, value and source; a free table has a row for each of its names."""
    table = tables()[name]
    for key, field in table.fields.items():
        value = getattr(getattr(settings.tables, table.attribute), field.attribute)
        if isinstance(value, Mapping) and value:
            for inside, one in value.items():
                shown = MASK if isinstance(one, str) and is_secret_name(inside) else _shown(one)
                yield dotted((key, inside)), shown, settings.sources[dotted((name, key, inside))]
        else:
            yield key, _shown(value), settings.sources[dotted((name, key))]


def _shown(value: Any) -> str:
    return NOT_SET if value is None else Redactor().clean(written(value))


def _from(source: Source, mode: str | None) -> str:
    if source.kind == "base":
        return f"base commit, {source.where}"
    return f"mode {mode}, {source.where}" if source.kind == "mode" else source.where
