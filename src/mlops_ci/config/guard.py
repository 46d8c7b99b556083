"""A pull request's guarded settings: they come from the base commit, and what the change does to them is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from mlops_ci.config.declared import tables as declared_tables
from mlops_ci.config.document import document_of
from mlops_ci.config.errors import ConfigError
from mlops_ci.config.find import Place
from mlops_ci.config.govern import value_of
from mlops_ci.config.keys import Key, dotted
from mlops_ci.config.layers import Layer, Merged, Origin
from mlops_ci.config.policy import Policy
from mlops_ci.config.read import decoded
from mlops_ci.config.toml_text import written
from mlops_ci.config.validate import Validated, validate
from mlops_ci.redaction import Redactor
from mlops_ci.settings.governance import GUARDED, Change
from mlops_ci.settings.settings import Source, Tables

SHORT = 12
NOT_SET = "not set"
OUTSIDE = ("environment", "set")


@dataclass(frozen=True, kw_only=True)
class Base:
    """The commit that a pull request is based on; `read` gives a file of it, None where it has none."""

    commit: str
    read: Callable[[Path], bytes | None]


@dataclass(frozen=True, kw_only=True)
class BaseLayers:
    """What the base commit says of guarded settings; `notice` is why it says nothing."""

    layers: tuple[Layer, ...]
    validated: Validated
    notice: str = ""


@cache
def guarded_keys() -> tuple[Key, ...]:
    """All guarded settings, in the order of the tables."""
    return tuple(
        (name, key)
        for name, table in declared_tables().items()
        if name in GUARDED
        for key in table.fields
        if key in (GUARDED[name] or table.fields)
    )


def guarded_only(policy: Policy) -> Policy:
    """What of a policy speaks of guarded settings."""
    return replace(policy, bounds=tuple(one for one in policy.bounds if one.key in guarded_keys()))


def split(layer: Layer) -> tuple[Layer, Layer]:
    """The guarded part of a layer, and the rest. What is no table, or no setting, is the rest's: it is an error."""
    guarded: dict[str, dict[str, Any]] = {}
    rest: dict[str, Any] = {}
    for name, table in layer.tree.items():
        if not isinstance(table, Mapping):
            rest[name] = table
            continue
        mine = {key: value for key, value in table.items() if (name, key) in guarded_keys()}
        if mine:
            guarded[name] = mine
        others = {key: value for key, value in table.items() if key not in mine}
        if others or not mine:
            rest[name] = others
    keys = set(guarded_keys())
    return (
        Layer(tree=guarded, origins={key: one for key, one in layer.origins.items() if key[:2] in keys}),
        Layer(tree=rest, origins={key: one for key, one in layer.origins.items() if key[:2] not in keys}),
    )


def base_layers(place: Place, label: str, base: Base, mode: str | None) -> BaseLayers:
    """The guarded settings of the base commit; the defaults where its file is missing or wrong."""
    at = f"{label} at {base.commit[:SHORT]}"
    nothing = validate(Merged(label=at), complete=False)
    data = base.read(place.file)
    if data is None:
        why = f"the base commit {base.commit[:SHORT]} has no {label}: its guarded settings are the defaults"
        return BaseLayers(layers=(), validated=nothing, notice=why)
    try:
        document = document_of(decoded(data, at), place, at)
    except ConfigError as error:
        return BaseLayers(layers=(), validated=nothing, notice=f"{error.cause}: guarded settings are the defaults")
    layers = tuple(_of_base(split(layer)[0]) for layer in (document.base, *document.overlays(mode)))
    validated = validate(merged_of(at, layers), complete=False)
    if validated.problems:
        why = f"{validated.problems[0]}: guarded settings are the defaults"
        return BaseLayers(layers=(), validated=nothing, notice=why)
    return BaseLayers(layers=layers, validated=validated)


def _of_base(layer: Layer) -> Layer:
    origins = {
        key: Origin(source=Source(kind="base", where=one.source.where), above=one.above)
        for key, one in layer.origins.items()
    }
    return Layer(tree=layer.tree, origins=origins)


def merged_of(label: str, layers: tuple[Layer, ...]) -> Merged:
    """The layers on top of each other."""
    merged = Merged(label=label)
    for layer in layers:
        merged.add(layer)
    return merged


def changes(before: Tables, own: Merged, own_tables: Tables, merged: Merged, now: Tables) -> tuple[Change, ...]:
    """What differs from the base: in the file of the pull request (`own`), and set from outside (`merged`)."""
    found = []
    for key in guarded_keys():
        was, theirs, outside = (value_of(tables, key) for tables in (before, own_tables, now))
        if was != theirs:
            origin = own.origin(key) if key in own.origins else None
            where = origin.source.where if origin and origin.source.kind != "policy" else own.label
            found.append(_change(key, was, theirs, where, in_force=False))
        origin = merged.origins.get(key)
        if origin is not None and origin.source.kind in OUTSIDE and was != outside:
            found.append(_change(key, was, outside, origin.source.where, in_force=True))
    return tuple(found)


def _change(key: Key, before: Any, after: Any, where: str, *, in_force: bool) -> Change:
    return Change(key=dotted(key), before=_shown(before), after=_shown(after), where=where, in_force=in_force)


def _shown(value: Any) -> str:
    return NOT_SET if value is None else Redactor().clean(written(value))
