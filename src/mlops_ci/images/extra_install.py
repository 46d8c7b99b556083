"""Puts the extra packages together: wheels alone, every hash checked, in a folder that no job writes to."""

from __future__ import annotations

import json
import os
import shutil
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from mlops_ci import process
from mlops_ci.console import Console
from mlops_ci.errors import InfrastructureError, MlopsError
from mlops_ci.file_lock import FileLock
from mlops_ci.files import size_of, write_json
from mlops_ci.images import pip_call, sources
from mlops_ci.images.build_failure import NETWORK, NETWORK_HINT, BuildDiskFullError, BuildNetworkError, PackageHashError
from mlops_ci.images.environment import LONG_PATH_HEADER
from mlops_ci.images.extra import NAME, ExtraPlan
from mlops_ci.images.extra_lock import ExtraLockError
from mlops_ci.images.sources import PackageSources
from mlops_ci.progress import long_step

TREE, MARKER = "packages", "complete.json"
SHOWN_LINES = 30
# Whatever Python put them there, the job's own runs them.
ANY_PYTHON = b"#!/usr/bin/env python3"


class ExtraInstallError(InfrastructureError):
    """The extra packages could not be put together."""


class ExtraWheelError(ExtraLockError):
    """A locked package has no wheel for the Python of the image."""


def folder(cache: Path, plan: ExtraPlan) -> Path:
    """Where the packages of a plan lie on this machine."""
    return cache / NAME / plan.key[:32]


def install(plan: ExtraPlan, cache: Path, *, packages: PackageSources, console: Console) -> Path:
    """The folder of the packages, made now unless it is there.

    Raises `ExtraWheelError`, `PackageHashError`, `BuildNetworkError`, `BuildDiskFullError`, `ExtraInstallError`.
    """
    place = folder(cache, plan)
    place.parent.mkdir(parents=True, exist_ok=True)
    # A dead process holds no lock: the kernel frees it.
    with FileLock(place.with_suffix(".lock")):
        if read_marker(place) is None:
            title = f"installing {len(plan.pins)} extra packages of {plan.lock.name}"
            with long_step(console, NAME, title):
                _make(plan, place, packages, console)
    return place / TREE


def read_marker(place: Path) -> dict[str, Any] | None:
    """What was written last into a finished folder; None where there is none."""
    try:
        found = json.loads((place / MARKER).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and (place / TREE).is_dir() else None


def _make(plan: ExtraPlan, place: Path, packages: PackageSources, console: Console) -> None:
    partial = place.with_name(f".{place.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    for secret in packages.secrets():
        console.secret(secret)
    _pip(plan, partial, packages, console)
    tree = partial / TREE
    _own_scripts(tree)
    found = {canonicalize_name(str(one.name)): one.version for one in distributions(path=[str(tree)])}
    if found != {pin.name: str(pin.version) for pin in plan.pins}:
        raise ExtraInstallError(
            f"pip installed {found}, and the lock {plan.lock.name} names {', '.join(plan.packages)}",
            hint="do the index's wheels say the name and version that the lock has?",
        )
    write_json(partial / MARKER, {"key": plan.key, "packages": plan.packages, "bytes": size_of(tree)})
    for name in ("lock.txt", "sources.txt"):
        (partial / name).unlink(missing_ok=True)
    partial.chmod(0o755)
    shutil.rmtree(place, ignore_errors=True)
    os.replace(partial, place)


def _pip(plan: ExtraPlan, work: Path, packages: PackageSources, console: Console) -> None:
    """Install for the Python of the image, whichever runs pip: hence wheels alone, and nothing compiled."""
    lock, listed = work / "lock.txt", work / "sources.txt"
    # Markers were judged for that Python: pip would judge them for its own.
    lock.write_text("".join(pin.text for pin in plan.pins), encoding="utf-8")
    listed.touch(mode=0o600)
    listed.write_text(pip_call.source_lines(packages, torch_index=False), encoding="utf-8")
    words: list[str | Path] = [
        *("install", "--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-compile", "--target"),
        work / TREE,
        *plan.target.words,
        *_nowhere_else(plan, packages),
    ]
    finished = process.run(
        [*pip_call.program(work / "pip"), *words, "--requirement", listed, "--requirement", lock],
        environment=pip_call.pip_environment(packages),
        on_line=console.output,
        redactor=console.redactor,
        echo=console.output,
        check=False,
        leashed=True,
    )
    shutil.rmtree(work / "pip", ignore_errors=True)
    if finished.exit_code != 0:
        raise _error(plan, (*finished.stdout.splitlines(), *finished.stderr.splitlines()))


def _nowhere_else(plan: ExtraPlan, packages: PackageSources) -> tuple[str, ...]:
    """Ask no index where this machine's folders hold all of the very files: it may not be reachable."""
    here = [path for path in sources.locked_archives(packages.folders, plan.pins) if plan.target.loads(path.name)]
    found = {name for _, name, _ in sources.named(here)}
    return ("--no-index",) if found == {pin.name for pin in plan.pins} else ()


def _error(plan: ExtraPlan, lines: tuple[str, ...]) -> MlopsError:
    text, shown = "\n".join(lines).lower(), lines[-SHOWN_LINES:]
    if "do not match the hashes" in text:
        return PackageHashError(
            f"an extra package does not have the hash of {plan.lock.name}",
            hint="the index or mirror served another file under the same version: do not go on, ask who runs it",
            details=shown,
        )
    if "no space left on device" in text:
        return BuildDiskFullError(
            "there is no space left for the extra packages", hint="free some: `mlops-ci clean`", details=shown
        )
    if any(sign in text for sign in NETWORK):
        return BuildNetworkError("the extra packages could not be fetched", hint=NETWORK_HINT, details=shown)
    if "no matching distribution found" in text:
        complaint = next((line for line in lines if "no matching distribution" in line.lower()), "")
        return ExtraWheelError(
            f"{plan.lock.name}: {complaint.removeprefix('ERROR: ') or 'a package was not found'} "
            f"(Python {plan.target.version}, {plan.target.machine}, wheels alone)",
            hint="what must be compiled belongs into [image] requirements; is the version in your index?",
            details=shown,
        )
    return ExtraInstallError("the extra packages could not be installed", hint="see what pip said", details=shown)


def _own_scripts(tree: Path) -> None:
    """Let the packages' commands be run by the job's Python: pip wrote the one that it runs on itself."""
    for script in sorted((tree / "bin").iterdir()) if (tree / "bin").is_dir() else ():
        if not script.is_file() or script.is_symlink():
            continue
        lines = script.read_bytes().split(b"\n")
        head = 3 if lines[0].strip() == LONG_PATH_HEADER else 1
        if lines[0].startswith(b"#!") and b"python" in b"".join(lines[:head]):
            script.write_bytes(b"\n".join([ANY_PYTHON, *lines[head:]]))
