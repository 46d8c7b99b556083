"""What the settings declare, read from the dataclasses themselves: tables, fields, types, defaults, documentation."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from mlops_ci.config.keys import Key
from mlops_ci.settings.marks import Example
from mlops_ci.settings.settings import Tables
from mlops_ci.settings.table import Table, dashed


@dataclass(frozen=True, kw_only=True)
class Field:
    """One key of a table. `annotation` is its type with all marks; `default` is None where nothing is set."""

    kind: type[Table]
    table: str
    key: str
    attribute: str
    annotation: Any
    required: bool
    default: Any

    @property
    def documentation(self) -> str:
        """What it means. It is read from the source, which takes time that only those have who ask."""
        return _documentation(self.kind)[self.attribute]  # type: ignore[arg-type]  # a class is hashable

    @property
    def example(self) -> Any:
        """A value to show when there is no default; None without one."""
        return next(
            (mark.value for mark in getattr(self.annotation, "__metadata__", ()) if isinstance(mark, Example)), None
        )


@dataclass(frozen=True, kw_only=True)
class DeclaredTable:
    """One table with its fields in the order of the declaration."""

    name: str
    attribute: str
    kind: type[Table]
    documentation: str
    fields: Mapping[str, Field]


@cache
def tables() -> Mapping[str, DeclaredTable]:
    """All tables by name, in the order of `Tables`."""
    hints = get_type_hints(Tables)
    return {dashed(one.name): _table(one.name, hints[one.name]) for one in dataclasses.fields(Tables)}


def _table(attribute: str, kind: type[Table]) -> DeclaredTable:
    hints = get_type_hints(kind, include_extras=True)
    fields = {}
    for one in dataclasses.fields(kind):  # type: ignore[arg-type]
        made = one.default_factory() if one.default_factory is not dataclasses.MISSING else one.default
        required = made is dataclasses.MISSING
        fields[dashed(one.name)] = Field(
            kind=kind,
            table=dashed(attribute),
            key=dashed(one.name),
            attribute=one.name,
            annotation=hints[one.name],
            required=required,
            default=None if required else made,
        )
    return DeclaredTable(
        name=dashed(attribute), attribute=attribute, kind=kind, documentation=inspect.getdoc(kind) or "", fields=fields
    )


@cache
def _documentation(kind: type) -> dict[str, str]:
    """The docstring below each field, on one line."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    found = {}
    name = ""
    for statement in body.body if isinstance(body, ast.ClassDef) else ():
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id
        elif name and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            found[name] = " ".join(str(statement.value.value).split())
            name = ""
    return found


def annotation_at(key: Key) -> Any:
    """The declared type at a key: a field's, or that of a value in a list or free table. None when not declared."""
    if len(key) < 2 or key[0] not in tables() or key[1] not in (fields := tables()[str(key[0])].fields):
        return None
    annotation: Any = fields[str(key[1])].annotation
    for _ in key[2:]:
        annotation = item_of(annotation)
    return annotation


def bare(annotation: Any) -> Any:
    """The type without its marks."""
    return bare(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


def choices(annotation: Any) -> tuple[Any, ...]:
    """The types of a union without None, marks kept; any other type alone."""
    plain = bare(annotation)
    if get_origin(plain) in (Union, types.UnionType):
        return tuple(choice for one in get_args(plain) for choice in choices(one) if one is not type(None))
    return (annotation,)


def item_of(annotation: Any) -> Any:
    """The type of the values in a list or a free table; None for anything else."""
    plain = bare(annotation)
    arguments = get_args(plain)
    if get_origin(plain) is tuple:
        return arguments[0]
    return arguments[1] if is_free_table(annotation) else None


def is_free_table(annotation: Any) -> bool:
    """Whether the user chooses the names in this table."""
    return get_origin(bare(annotation)) is Mapping
