"""What is in an image, as the program `guest/inventory.py` tells it from inside."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci import guest, process
from mlops_ci.errors import UncheckedError
from mlops_ci.images.builder import docker_environment

SECONDS = 600.0
PROGRAM = Path(guest.__path__[0], "inventory.py")


class ImageUnreadableError(UncheckedError):
    """An image could not be looked into."""


@dataclass(frozen=True, kw_only=True)
class Package:
    """An installed Python package; `bytes` is what its wheel holds, unpacked."""

    name: str
    version: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """Paths that need a look, users with a password, packages, and totals in bytes. `files` only when asked for."""

    setid: tuple[str, ...]
    caches: tuple[str, ...]
    host_keys: tuple[str, ...]
    private_keys: tuple[str, ...]
    drivers: tuple[str, ...]
    passwords: tuple[str, ...]
    packages: tuple[Package, ...]
    bytes: int
    bytecode: int
    count: int
    files: dict[str, list[Any]]


def look(ref: str, *, digests: bool = False) -> Inventory:
    """Look into the engine's image `ref`. Raises `ImageUnreadableError`."""
    finished = process.run(
        [
            *("docker", "run", "--rm", "--interactive", "--pull", "never", "--network", "none", "--read-only"),
            *("--user", "0:0", "--no-healthcheck", "--security-opt", "no-new-privileges"),
            *("--cap-drop", "ALL", "--cap-add", "DAC_READ_SEARCH"),
            *("--entrypoint", "python3", ref, "-I", "-", *(("--digests",) if digests else ())),
        ],
        environment=docker_environment(),
        stdin=PROGRAM.read_bytes(),
        timeout=SECONDS,
        check=False,
    )
    try:
        return _inventory(json.loads(finished.stdout)) if finished.exit_code == 0 else _fail(ref, finished.tail(5))
    except (ValueError, KeyError, TypeError) as error:
        raise ImageUnreadableError(f"what was found in {ref} cannot be read: {error!r}", hint="run again") from error


def _inventory(told: dict[str, Any]) -> Inventory:
    names = ("setid", "caches", "host_keys", "private_keys", "drivers", "passwords")
    totals = told["totals"]
    return Inventory(
        **{name: tuple(told[name]) for name in names},
        packages=tuple(Package(**one) for one in told["distributions"]),
        bytes=totals["bytes"],
        bytecode=totals["bytecode"],
        count=totals["files"],
        files=told.get("files", {}),
    )


def _fail(ref: str, details: tuple[str, ...]) -> Inventory:
    raise ImageUnreadableError(
        f"{ref} could not be looked into: its `python3` did not run the program that looks",
        hint="is the image in this engine, and has it a Python of at least 3.9?",
        details=details,
    )
