"""The user's lock of small extra packages (`[image] extra`): exact versions with hashes, and nothing else."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from mlops_ci.errors import UsageError
from mlops_ci.images.lockfile import HASH, Pin
from mlops_ci.images.requirements_file import lines_of, text_of

ANY_HASH = re.compile(r"\s--hash[=\s]\s*\S+")
SHA256 = re.compile(r"^--hash=sha256:[0-9a-f]{64}$")
LOCK_IT = "write the lock with `uv pip compile --generate-hashes` or `pip-compile --generate-hashes`"


class ExtraLockError(UsageError):
    """The lock of the extra packages cannot be used as it is."""


@dataclass(frozen=True, kw_only=True)
class ExtraLock:
    """The file's name and its pins, in its order."""

    name: str
    pins: tuple[Pin, ...]

    @property
    def content(self) -> list[list[str]]:
        """What the lock asks for, whatever its comments and its order."""
        return sorted(
            [pin.name, str(pin.version), str(pin.requirement.marker or ""), *sorted(pin.hashes)] for pin in self.pins
        )


def read(name: str, *, root: Path, where: str, kept: Collection[str]) -> ExtraLock:
    """Read `name` (relative to `root`); `where` names the setting, `kept` are patterns of what the image alone brings.

    Raises `ExtraLockError` with file and line.
    """
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise ExtraLockError(f"{where}: {name} lies outside the project", hint="keep the lock in the repository")
    try:
        text = text_of(path)
    except ValueError as error:
        raise ExtraLockError(f"{where}: the lock {name} cannot be read: {error}", hint="check the path") from error
    pins = tuple(_pin(line, f"{name}:{number}", kept) for number, line in lines_of(text))
    if not pins:
        raise ExtraLockError(f"{where}: {name} names no package", hint=f"leave out [image] extra, or {LOCK_IT}")
    twice = next(_twice(pins), None)
    if twice is not None:
        raise ExtraLockError(f"{where}: {name} names {twice} twice without a marker", hint=LOCK_IT)
    return ExtraLock(name=name, pins=pins)


def _pin(line: str, place: str, kept: Collection[str]) -> Pin:
    if line.startswith("-"):
        option = line.split(maxsplit=1)[0]
        raise ExtraLockError(
            f"{place}: `{option}` is an option, and a lock of extra packages holds nothing but packages",
            hint="say where packages come from in [mirrors]; put what needs more into [image] requirements",
        )
    hashes = [one.strip() for one in ANY_HASH.findall(line)]
    try:
        requirement = Requirement(ANY_HASH.sub("", line).strip())
    except InvalidRequirement as error:
        raise ExtraLockError(
            f"{place}: `{line}` is no locked package: {str(error).splitlines()[0]}", hint=LOCK_IT
        ) from error
    exact = [one.version for one in requirement.specifier if one.operator == "==" and "*" not in one.version]
    name = canonicalize_name(requirement.name)
    if requirement.url or len(exact) != 1 or len(list(requirement.specifier)) != 1:
        raise ExtraLockError(f"{place}: {name} has no exact version (`{name}==1.2.3`)", hint=LOCK_IT)
    if not hashes or not all(SHA256.match(one) for one in hashes):
        raise ExtraLockError(
            f"{place}: {name} has no hash (`--hash=sha256:...`), so nobody knows what it is", hint=LOCK_IT
        )
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in kept):
        raise ExtraLockError(
            f"{place}: {name} comes with the image, and is not replaced at the start of a job",
            hint="choose another build with [image] torch and variant; take the line out of the lock",
        )
    return Pin(
        name=name,
        version=Version(exact[0]),
        hashes=frozenset(HASH.findall(" ".join(hashes))),
        requirement=requirement,
        text=f"{name}=={exact[0]} {' '.join(hashes)}\n",
    )


def _twice(pins: Collection[Pin]) -> Iterator[str]:
    seen: set[str] = set()
    for pin in pins:
        if pin.name in seen and pin.requirement.marker is None:
            yield pin.name
        seen.add(pin.name)
