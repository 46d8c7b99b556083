"""The Python that we run on, which the host engine uses: is there a PyTorch for it, and do we know its hash."""

from __future__ import annotations

import platform
import sys
import sysconfig
from collections.abc import Collection, Iterable

from mlops_ci.errors import MissingError
from mlops_ci.images.catalogue import Catalogue, Variant
from mlops_ci.images.lockfile import Pin


class PythonUnsupportedError(MissingError):
    """There is no PyTorch for this Python or system."""


def version() -> str:
    """Major and minor, such as `3.11`."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def identity() -> str:
    """What an environment's content depends on: implementation, version, system and machine."""
    return f"{platform.python_implementation()} {platform.python_version()} {sysconfig.get_platform()}"


def check(catalogue: Catalogue, torch: str) -> None:
    """Raises `PythonUnsupportedError` unless environments can be made here."""
    if sys.platform != "linux":
        raise PythonUnsupportedError(
            f"the host engine runs on Linux, not on {sys.platform}", hint="use the Docker engine: --engine docker"
        )
    if version() not in catalogue.host_pythons:
        raise PythonUnsupportedError(
            f"there is no PyTorch {torch} for Python {version()}",
            hint=f"run mlops-ci with Python {' or '.join(catalogue.host_pythons)}, or use the Docker engine",
        )


def has_hash(variant: Variant) -> bool:
    """Whether the lock has the hash of PyTorch's wheel for this Python and machine."""
    return version() in variant.hashed and platform.machine() == variant.machine


def warnings(variant: Variant, pins: Iterable[Pin], protected: Collection[str]) -> tuple[str, ...]:
    """What the user must know of packages that are installed without a hash here."""
    if has_hash(variant):
        return ()
    where = f"Python {version()} on {platform.machine()}"
    return tuple(
        f"the lock has no hash of {pin.name} {pin.version} for {where}: its exact version is installed unchecked"
        for pin in pins
        if pin.name in protected
    )
