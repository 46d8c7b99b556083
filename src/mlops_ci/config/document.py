"""The configuration file: its tables and mode overlays as layers whose origins are lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mlops_ci.config.errors import ConfigError, Problem
from mlops_ci.config.find import Place
from mlops_ci.config.keys import Key, dotted, lookup
from mlops_ci.config.layers import Layer, Origin
from mlops_ci.config.lines import lines_of
from mlops_ci.config.read import parse, read_text
from mlops_ci.settings.settings import Source

MODE = "mode"
# What the workflows of CI providers pass; they need no overlay to be known.
BUILT_IN_MODES = ("pr", "main", "nightly", "weekly")
ON_TOP = "+"


@dataclass(frozen=True, kw_only=True)
class Document:
    """The file's own tables, its overlays by mode, and what is wrong with the overlays as such."""

    base: Layer
    modes: Mapping[str, Layer]
    problems: tuple[Problem, ...]

    @property
    def known_modes(self) -> tuple[str, ...]:
        """The modes that can be asked for."""
        return tuple(dict.fromkeys((*BUILT_IN_MODES, *self.modes)))

    def parts(self, mode: str | None) -> tuple[str, ...]:
        """The modes that a mode is made of: `nightly+next` is `nightly` with `next` on top."""
        if mode is None or mode in self.known_modes:
            return () if mode is None else (mode,)
        return tuple(mode.split(ON_TOP))

    def overlays(self, mode: str | None) -> tuple[Layer, ...]:
        """The overlays of a mode, the upper ones last."""
        return tuple(self.modes[one] for one in self.parts(mode) if one in self.modes)


def read_document(place: Place, label: str) -> Document:
    """Read the file; raises `ConfigError` when it can't be read, is no TOML, or has no table of ours."""
    return document_of(read_text(place.file, label), place, label)


def document_of(text: str, place: Place, label: str) -> Document:
    """The same from the text of the file."""
    parsed = parse(text, label)
    tree = lookup(parsed, place.above)
    name = f"[{dotted(place.above)}]"
    if tree is None:
        problem = Problem(where=label, message=f"has no table {name}", file=label)
        raise ConfigError([problem], hint=f"add {name}, or write mlops.toml: `mlops-ci init`")
    if not isinstance(tree, dict):
        raise ConfigError([Problem(where=label, message=f"{name} must be a table", file=label)])
    lines = _Lines(label=label, lines=lines_of(text))
    overlays = tree.pop(MODE, {})
    problems = []
    modes = {}
    above = (*place.above, MODE)
    for mode, overlay in overlays.items() if isinstance(overlays, dict) else ():
        if isinstance(overlay, dict):
            modes[mode] = Layer(tree=overlay, origins=lines.origins((*above, mode), "mode"))
        else:
            problems.append(lines.problem((*above, mode), f"[{dotted(above)}] {mode}: expected a table of tables"))
    if not isinstance(overlays, dict):
        problems.append(lines.problem(above, f"{MODE}: expected tables such as [{dotted((*above, 'pr', 'train'))}]"))
    base = Layer(tree=tree, origins=lines.origins(place.above, "file"))
    return Document(base=base, modes=modes, problems=tuple(problems))


@dataclass(frozen=True, kw_only=True)
class _Lines:
    """The lines of one file."""

    label: str
    lines: Mapping[Key, int]

    def origins(self, above: tuple[str, ...], kind: Literal["file", "mode"]) -> dict[Key, Origin]:
        """The origins of everything below the tables `above`, under keys without these."""
        found = {}
        for key, line in self.lines.items():
            inside = key[len(above) :]
            if inside and key[: len(above)] == above:
                source = Source(kind=kind, where=f"{self.label}:{line}")
                found[inside] = Origin(source=source, above=above, file=self.label, line=line)
        return found

    def problem(self, key: Key, message: str) -> Problem:
        line: Any = self.lines.get(key)
        where = f"{self.label}:{line}" if line else self.label
        return Problem(where=where, message=message, file=self.label, line=line)
