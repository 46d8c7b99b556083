"""YAML with the line of every key and value, read as a CI system reads it and never carried out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

LARGEST = 1 << 20
Scalar = str | int | float | bool | None
Kind = Literal["scalar", "mapping", "list"]
MERGE = "<<"
# The core schema of YAML 1.2, by which GitHub reads: `yes` and `on` are texts.
CORE: tuple[tuple[re.Pattern[str], Any], ...] = (
    (re.compile(r"null|Null|NULL|~|"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+"), lambda text: int(text, 0)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text, 16)),
    (re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"), float),
)
# YAML 1.1 as GitLab reads it.
TRUE = frozenset({"true", "yes", "on"})
TAGS = "tag:yaml.org,2002:"
NO_YAML = (
    "look at this line and the one before: spaces alone indent, what is opened (brackets, quotes) is closed, a text "
    "that holds `: ` or ` #`, or begins with one of {[&*!|>%@`, is in quotes"
)
BAD_CHARACTER = "delete this character, and type the line anew"
TOO_LARGE = "is it a file of the CI system? Move what it does not need elsewhere"
TOO_DEEP = "write it in fewer levels"
ITSELF = "write the value here, in the place of the alias"
REPEATED = "keep one of the two"


@dataclass(frozen=True, kw_only=True, eq=False)
class Tree:
    """A value. `fields` are those of a mapping, with the lines of their keys in `keys`; `items` those of a list."""

    kind: Kind
    line: int
    value: Scalar = None
    fields: Mapping[str, Tree] = field(default_factory=dict)
    keys: Mapping[str, int] = field(default_factory=dict)
    items: tuple[Tree, ...] = ()
    tag: str = ""

    def get(self, *names: str) -> Tree | None:
        """The value below these keys, if all are there."""
        found: Tree | None = self
        for name in names:
            found = found.fields.get(name) if found is not None else None
        return found

    def text(self, name: str, otherwise: str = "") -> str:
        """The text below the key, if there is one."""
        found = self.fields.get(name)
        return found.value if found is not None and isinstance(found.value, str) else otherwise

    def line_of(self, name: str) -> int:
        """The line of the key, else of the whole."""
        return self.keys.get(name, self.line)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What the parser has against the text, and what to do. A `fatal` one leaves nothing to be read."""

    line: int
    message: str
    fix: str
    fatal: bool = True


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """The documents of a file, and what is wrong with it."""

    documents: tuple[Tree, ...] = ()
    faults: tuple[Fault, ...] = ()


def parse(text: str, *, core: bool) -> Parsed:
    """Read a file; `core` says whether by YAML 1.2 (GitHub) or 1.1 (GitLab). Never raises for what a file may hold."""
    import yaml

    if len(text) > LARGEST:
        return Parsed(faults=(Fault(line=1, message=f"larger than {LARGEST >> 20} MiB", fix=TOO_LARGE),))
    try:
        nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
        reader = _Reader(core=core)
        return Parsed(documents=tuple(reader.read(node) for node in nodes if node), faults=tuple(reader.faults))
    except yaml.YAMLError as error:
        return Parsed(faults=(_fault(error, text),))
    except RecursionError:
        return Parsed(faults=(Fault(line=1, message="nested too deeply", fix=TOO_DEEP),))


def _fault(error: Any, text: str) -> Fault:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        return Fault(line=mark.line + 1, message=f"is no YAML: {error.problem or error.context}", fix=NO_YAML)
    position = getattr(error, "position", 0)
    message = f"is no YAML: {getattr(error, 'reason', error)}"
    return Fault(line=text.count("\n", 0, position) + 1, message=message, fix=BAD_CHARACTER)


class _Reader:
    """From the parser's nodes to trees. An alias is the very tree of its anchor, so that nothing grows."""

    def __init__(self, *, core: bool) -> None:
        self.core = core
        self.faults: list[Fault] = []
        self._done: dict[int, Tree] = {}
        self._open: set[int] = set()

    def read(self, node: Any) -> Tree:
        """The tree of a node."""
        line = node.start_mark.line + 1
        if id(node) in self._done:
            return self._done[id(node)]
        if id(node) in self._open:
            self.faults.append(Fault(line=line, message="is a value that contains itself", fix=ITSELF))
            return Tree(kind="scalar", line=line)
        self._open.add(id(node))
        self._done[id(node)] = made = self._read(node, line)
        self._open.discard(id(node))
        return made

    def _read(self, node: Any, line: int) -> Tree:
        tag = node.tag if str(node.tag).startswith("!") else ""
        if node.id == "mapping":
            return self._mapping(node, line, tag)
        if node.id == "sequence":
            return Tree(kind="list", line=line, items=tuple(map(self.read, node.value)), tag=tag)
        return Tree(kind="scalar", line=line, value=node.value if tag else self._scalar(node), tag=tag)

    def _mapping(self, node: Any, line: int, tag: str) -> Tree:
        fields: dict[str, Tree] = {}
        keys: dict[str, int] = {}
        merged: dict[str, Tree] = {}
        for key, value in node.value:
            name, at = str(key.value) if key.id == "scalar" else "", key.start_mark.line + 1
            if name == MERGE and not self.core:
                merged |= self._merged(value)
                continue
            if name in fields:
                message = f"`{name}` stands here a second time (first in line {keys[name]})"
                self.faults.append(Fault(line=at, message=message, fix=REPEATED, fatal=False))
            fields[name], keys[name] = self.read(value), at
        return Tree(kind="mapping", line=line, fields={**merged, **fields}, keys=keys, tag=tag)

    def _merged(self, node: Any) -> dict[str, Tree]:
        found = self.read(node)
        sources = found.items if found.kind == "list" else (found,)
        return {name: tree for source in reversed(sources) for name, tree in source.fields.items()}

    def _scalar(self, node: Any) -> Scalar:
        text = str(node.value)
        if self.core:
            return text if node.style else _core(text)
        kind = str(node.tag).removeprefix(TAGS)
        if kind == "bool":
            return text.lower() in TRUE
        if kind in ("int", "float"):
            return _number(text)
        return None if kind == "null" else text


def _core(text: str) -> Scalar:
    try:
        found: Scalar = next((make(text) for form, make in CORE if form.fullmatch(text)), text)
    except ValueError:  # more digits than Python converts
        return 0
    return found


def _number(text: str) -> Scalar:
    """Near enough: whether it is a number is what counts."""
    plain = text.replace("_", "")
    for make in (lambda: int(plain, 0), lambda: float(plain)):
        try:
            return make()
        except ValueError:
            continue
    return 0
