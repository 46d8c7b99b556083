"""The user's `uv.lock`, as the requirements with hashes that pip installs: without PyTorch, which a layer below has."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from mlops_ci.errors import UsageError

NAME = "uv.lock"
Packages = Mapping[tuple[str, str], Mapping[str, Any]]
PROJECT_FILE = "pyproject.toml"


class UvLockError(UsageError):
    """`uv.lock` cannot be used as it is."""


@dataclass(frozen=True, kw_only=True)
class Locked:
    """`text` is a requirements file with a hash for every file of a package; `names` what it asks for."""

    text: str
    names: frozenset[str]


def read(path: Path, *, torch: str, protected: Iterable[str], pins: Mapping[str, str]) -> Locked:
    """Read the lock. `torch` is the version below, `pins` those of what is built against it.

    What only PyTorch needs (its CUDA libraries) is left out with it. Raises `UvLockError` for a lock that is broken,
    does not match pyproject.toml, or locks another PyTorch.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        packages: Packages = {
            (str(canonicalize_name(one["name"])), str(one.get("version", ""))): one for one in data["package"]
        }
    except OSError as error:
        raise UvLockError(f"{path.name} cannot be read: {error.strerror}", hint="check [image] requirements") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UvLockError(f"{path.name} is no lock of uv: {error}", hint="write it anew: `uv lock`") from error
    root = _root(packages.values(), path)
    _matches(root, path)
    wanted: dict[tuple[str, str], set[str]] = {}
    _walk(root, (), packages, set(protected), wanted, seen=set(), marker="", path=path)
    _check_torch(packages.values(), torch, pins, path)
    lines = [_line(packages[key], markers, path) for key, markers in sorted(wanted.items())]
    return Locked(text="".join(lines), names=frozenset(name for name, _ in wanted))


def _root(packages: Iterable[Mapping[str, Any]], path: Path) -> Mapping[str, Any]:
    for one in packages:
        source = one.get("source", {})
        if source.get("virtual") == "." or source.get("editable") == ".":
            return one
    raise UvLockError(f"{path.name} does not name the project that it belongs to", hint="write it anew: `uv lock`")


def _matches(root: Mapping[str, Any], path: Path) -> None:
    """The lock must be of the requirements that pyproject.toml has now."""
    project = path.with_name(PROJECT_FILE)
    try:
        table = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {})
        now = {_plain(Requirement(text)) for text in table.get("dependencies", ())}
    except OSError:
        return
    except (ValueError, InvalidRequirement) as error:
        raise UvLockError(f"{PROJECT_FILE} cannot be read: {error}", hint="correct it, and run `uv lock`") from error
    listed = root.get("metadata", {}).get("requires-dist", ())
    then = {
        (
            str(canonicalize_name(one["name"])),
            frozenset(map(canonicalize_name, one.get("extras", ()))),
            str(SpecifierSet(one.get("specifier", ""))),
        )
        for one in listed
        if "extra ==" not in one.get("marker", "")
    }
    differing = sorted(name for name, *_ in now ^ then)
    if differing:
        raise UvLockError(
            f"{path.name} does not match {PROJECT_FILE}: {', '.join(dict.fromkeys(differing))}", hint="run `uv lock`"
        )


def _plain(requirement: Requirement) -> tuple[str, frozenset[str], str]:
    extras = frozenset(map(canonicalize_name, requirement.extras))
    return str(canonicalize_name(requirement.name)), extras, str(requirement.specifier)


def _walk(
    package: Mapping[str, Any],
    extras: Iterable[str],
    packages: Packages,
    protected: set[str],
    wanted: dict[tuple[str, str], set[str]],
    *,
    seen: set[tuple[str, str, tuple[str, ...]]],
    marker: str,
    path: Path,
) -> None:
    """Everything that a package with these extras needs, with the markers under which each is needed."""
    for dependency in _needed(package, extras):
        name = str(canonicalize_name(dependency["name"]))
        if name in protected:
            continue
        found = [key for key in packages if key[0] == name and dependency.get("version", key[1]) == key[1]]
        if not found:
            raise UvLockError(f"{path.name} needs {name} and does not lock it", hint="write it anew: `uv lock`")
        both = " and ".join(f"({part})" for part in dict.fromkeys((marker, dependency.get("marker", ""))) if part)
        key = found[0]
        wanted.setdefault(key, set()).add(both)
        further = tuple(sorted(dependency.get("extra", ())))
        if (name, both, further) not in seen:
            seen.add((name, both, further))
            _walk(packages[key], further, packages, protected, wanted, seen=seen, marker=both, path=path)


def _needed(package: Mapping[str, Any], extras: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """Without those of an extra of which the lock says nothing: it brings nothing."""
    yield from package.get("dependencies", ())
    for extra in extras:
        yield from package.get("optional-dependencies", {}).get(extra, ())


def _check_torch(packages: Iterable[Mapping[str, Any]], torch: str, pins: Mapping[str, str], path: Path) -> None:
    below = {"torch": torch, **pins}
    for one in packages:
        has = below.get(str(canonicalize_name(one["name"])))
        if has is not None and Version(one["version"]).public != Version(has).public:
            raise UvLockError(
                f"{path.name} locks {one['name']} {one['version']}, and the layers below go with {has}",
                hint=f"choose the release by [image] torch in mlops.toml, or lock {one['name']}=={Version(has).public}",
            )


def _line(package: Mapping[str, Any], markers: set[str], path: Path) -> str:
    source = package.get("source", {})
    if "registry" not in source:
        where = next(iter(source), "an unknown place")
        raise UvLockError(
            f"{path.name}: {package['name']} comes from {where} ({source.get(where)}), not from an index with hashes",
            hint="publish it to an index, or install it in your own Dockerfile: [image] dockerfile",
        )
    files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else [])]
    hashes = sorted({file["hash"] for file in files if "hash" in file})
    if not hashes:
        raise UvLockError(f"{path.name}: {package['name']} has no hash", hint="write it anew: `uv lock`")
    condition = "" if "" in markers else " or ".join(f"({one})" if len(markers) > 1 else one for one in sorted(markers))
    head = f"{package['name']}=={package['version']}" + (f" ; {condition}" if condition else "")
    return " \\\n    ".join([head, *(f"--hash={one}" for one in hashes)]) + "\n"
