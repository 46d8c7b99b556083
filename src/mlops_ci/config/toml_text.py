"""Values written as TOML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mlops_ci.config.keys import dotted
from mlops_ci.settings.units import Duration, Size


def written(value: Any) -> str:
    """The TOML text of a value: durations and sizes with their units, expressions in single quotes."""
    if isinstance(value, Duration | Size):
        return quoted(value.written)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool | int | float):
        return repr(value).lower()
    if isinstance(value, Mapping):
        inside = ", ".join(f"{dotted((name,))} = {written(one)}" for name, one in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    return str(value)


def quoted(text: str) -> str:
    """A TOML string. Text with backslashes stands in single quotes where it can, since people read it."""
    if "\\" in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    valid = text.encode("utf-8", "backslashreplace").decode()
    return json.dumps(valid, ensure_ascii=False).replace("\x7f", "\\u007f")
