"""The version of the tool, read from the installed distribution's metadata."""

from __future__ import annotations

from functools import cache


@cache
def version() -> str:
    """The installed version, or `0+unknown` when the package runs from a plain source folder."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("mlops-ci")
    except PackageNotFoundError:
        return "0+unknown"
