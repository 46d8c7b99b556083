"""What differs between two key documents of one layer, in words that name a single input each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

SHOWN = 40


def inputs(document: Mapping[str, Any]) -> dict[str, str]:
    """A document as a flat table: one entry per input, small enough for a file under version control."""
    found: dict[str, str] = {}
    for name in sorted(document):
        value = document[name]
        if name == "files":
            found |= {f"file {entry['path']}": _file(entry) for entry in value}
        elif name == "args":
            found |= {f"argument {one}": str(text) for one, text in sorted(value.items())}
        elif isinstance(value, str):
            found[name.replace("_", " ")] = value
        else:
            found[name.replace("_", " ")] = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return found


def _file(entry: Mapping[str, Any]) -> str:
    if "link" in entry:
        return f"-> {entry['link']}"
    return f"{entry['sha256']}{' executable' if entry.get('executable') else ''}"


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """What differs between two tables of inputs; the image below comes last: what changed in it is said of it."""
    names = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    names.sort(key=lambda name: name == "parent")
    return tuple(_change(name, old.get(name), new.get(name)) for name in names)


def _change(name: str, old: str | None, new: str | None) -> str:
    if name == "parent":
        return "the image below"
    if old is None:
        return f"{name} is new"
    if new is None:
        return f"{name} is gone"
    if name.startswith("file "):
        was, now = old.split(), new.split()
        same = was[0] == now[0] and len(was[0]) == len(now[0])
        return f"{name}: its mode changed" if same else f"{name}: its content changed"
    if name == "dockerfile":
        return "Dockerfile: its content changed"
    return f"{name}: {_short(old)} -> {_short(new)}"


def _short(text: str) -> str:
    shown = text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
    return shown or "nothing"
