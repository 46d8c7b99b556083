"""Our own locks: requirement files with exact versions, hashes and environment markers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from mlops_ci.errors import InternalError

HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class LockError(InternalError):
    """A lock that travels with the package cannot be used."""


@dataclass(frozen=True, kw_only=True)
class Pin:
    """One locked distribution; `hashes` are SHA-256 in hex, `text` its lines in the lock."""

    name: str
    version: Version
    hashes: frozenset[str]
    requirement: Requirement
    text: str

    def applies(self, environment: Mapping[str, str] | None = None) -> bool:
        """Whether it is installed in an environment (PEP 508 names), by default in this process's."""
        marker = self.requirement.marker
        return marker is None or marker.evaluate(dict(environment) if environment else None)


def read(path: Path) -> tuple[Pin, ...]:
    """The pins of a lock. Raises `LockError` for anything that is not pinned with a hash."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise LockError(f"the lock {path} cannot be read: {error.strerror}", hint="install mlops-ci again") from error
    return parse(text, path)


def parse(text: str, path: Path) -> tuple[Pin, ...]:
    """The pins in the text of a lock, which is or will be at `path`. Raises `LockError`."""
    return tuple(_pin(block, path) for block in _blocks(text))


def _blocks(text: str) -> list[str]:
    blocks: list[str] = []
    going_on = False
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if going_on:
            blocks[-1] += line + "\n"
        else:
            blocks.append(line + "\n")
        going_on = line.rstrip().endswith("\\")
    return blocks


def _pin(block: str, path: Path) -> Pin:
    hashes = frozenset(HASH.findall(block))
    requirement = Requirement(HASH.sub("", block).replace("\\\n", " ").strip())
    versions = [specifier.version for specifier in requirement.specifier if specifier.operator == "=="]
    if len(versions) != 1 or not hashes:
        raise LockError(f"{path}: `{requirement}` has no exact version and hash", hint="install mlops-ci again")
    return Pin(
        name=canonicalize_name(requirement.name),
        version=Version(versions[0]),
        hashes=hashes,
        requirement=requirement,
        text=block,
    )
