"""Pinned data: tables in TOML that lie here, and the bundles of files that travel with the package."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mlops_ci.errors import InternalError

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent
CHECKOUT = PACKAGE.parents[1]


class BundleMissingError(InternalError):
    """A folder that belongs to the package is in neither the installed package nor the checkout."""


def bundle(name: str) -> Path:
    """The folder `name` that travels with the package: in the wheel `mlops_ci/bundle/NAME`, in a checkout `NAME`."""
    for folder in (PACKAGE / "bundle" / name, CHECKOUT / name):
        if folder.is_dir():
            return folder
    raise BundleMissingError(
        f"the folder `{name}` is missing from this installation of mlops-ci ({PACKAGE})",
        hint="install mlops-ci again from its wheel, or work in a complete checkout",
    )


@cache
def read_toml(name: str) -> Mapping[str, Any]:
    """The content of `resources/NAME`: one object for all who ask, so nobody changes it."""
    with (HERE / name).open("rb") as stream:
        return tomllib.load(stream)
