"""The version of the tool: of the installed distribution, or of the checkout that it runs from."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
UNKNOWN = "0+unknown"


@cache
def version() -> str:
    """The version, or `0+unknown` for a copy of the package alone."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("mlops-ci")
    except PackageNotFoundError:
        return of_checkout(PYPROJECT)


def of_checkout(pyproject: Path) -> str:
    """The version that a checkout's pyproject.toml names."""
    try:
        return str(tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["version"])
    except (OSError, ValueError, KeyError):
        return UNKNOWN
