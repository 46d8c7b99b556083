"""Layers of configuration, each with the origin of every value, merged into one tree that still knows all origins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_ci.config.errors import Problem
from mlops_ci.config.keys import Key, dotted, leaves, lookup
from mlops_ci.settings.settings import Source


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a value stands. `above` are the tables around ours there: `mode.pr`, `tool.mlops-ci` in pyproject.toml."""

    source: Source
    above: tuple[str, ...] = ()
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Values from one place. `origins` has tables and list items too, so that every error finds its line."""

    tree: Mapping[str, Any]
    origins: Mapping[Key, Origin]


@dataclass(kw_only=True)
class Merged:
    """What all layers together say. `label` names the configuration file for what stands nowhere."""

    label: str
    tree: dict[str, Any] = field(default_factory=dict)
    origins: dict[Key, Origin] = field(default_factory=dict)

    def add(self, layer: Layer) -> None:
        """Put a layer on top. Tables are merged key by key; anything else replaces what was there.

        A value below something that is no table is left out: the error there is what must be told.
        """
        for key, value in leaves(layer.tree):
            if not (value == {} and isinstance(lookup(self.tree, key), dict)):
                self._put(key, value)
        for key, origin in layer.origins.items():
            if isinstance(lookup(self.tree, key), dict):
                self.origins.setdefault(key, origin)
            else:
                self.origins[key] = origin

    def _put(self, key: Key, value: Any) -> None:
        tree: Any = self.tree
        for name in key[:-1]:
            tree = tree.setdefault(name, {})
            if not isinstance(tree, dict):
                return
        for stale in [one for one in self.origins if len(one) > len(key) and one[: len(key)] == key]:
            del self.origins[stale]
        tree[key[-1]] = value

    def origin(self, key: Key) -> Origin | None:
        """The origin of the value at `key`, of the nearest thing around it, or of the first thing in it."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.origins:
                return self.origins[key[:length]]
        return next((origin for inside, origin in self.origins.items() if inside[: len(key)] == key), None)

    def problem(self, key: Key, message: str) -> Problem:
        """A problem with the value at `key`, with its place and its table as written there."""
        origin = self.origin(key)
        table = dotted((*(origin.above if origin else ()), key[0]))
        position = next((f"[{part}]" for part in key if isinstance(part, int)), "")
        name = f"{dotted(tuple(part for part in key[1:] if not isinstance(part, int)))}{position}"
        is_table = name or isinstance(self.tree.get(str(key[0])), dict)
        text = f"{f'[{table}]' if is_table else table}{name and ' '}{name}: {message}"
        if origin is None:
            return Problem(where=self.label, message=text, file=self.label)
        return Problem(where=origin.source.where, message=text, file=origin.file, line=origin.line)
