"""What a setting names without holding it: a variable of the environment, or a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

VARIABLE = "env://"
PEM = "-----BEGIN "


def named(value: str, root: Path, environ: Mapping[str, str]) -> str | None:
    """The text behind `env://VARIABLE` or a path (relative to `root`); None where there is none."""
    if value.startswith(VARIABLE):
        return environ.get(value.removeprefix(VARIABLE)) or None
    try:
        return (root / Path(value).expanduser()).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def password(value: str, root: Path, environ: Mapping[str, str]) -> bytes:
    """The password; empty where there is none. The end of its last line is no part of one in a file."""
    text = named(value, root, environ) or ""
    return (text if value.startswith(VARIABLE) else text.rstrip("\r\n")).encode()
