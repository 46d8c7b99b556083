"""`mirror import`: the whole archive is checked, then laid out where the pipeline takes it from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from packaging.utils import canonicalize_name

from mlops_ci.console import Console
from mlops_ci.errors import MissingError, UsageError
from mlops_ci.file_lock import FileLock
from mlops_ci.files import sha256_of, write_atomic
from mlops_ci.images import host_python, naming, sources
from mlops_ci.mirroring import database, images
from mlops_ci.mirroring.index import ACTION, LOCK, TOOL, WHEEL, Index, Member
from mlops_ci.mirroring.reading import Archive
from mlops_ci.mirroring.settings_text import as_exports, as_toml, as_variables, site_tables
from mlops_ci.mirroring.writing import index_text
from mlops_ci.progress import activity

LAID_OUT = (WHEEL, TOOL, LOCK, ACTION)
SETTINGS, EXPORTS = "mirror.toml", "mirror.env"


class DiskFullError(MissingError):
    """There is less free space than the archive needs."""


class OtherPythonError(MissingError):
    """The wheels of the archive are for another Python than this one."""


class ArchiveMissingError(UsageError):
    """The archive is not there, or cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """Where everything lies now, and the settings for it; `changed` counts the files that were not there before."""

    folder: Path
    changed: int
    settings: str
    variables: Mapping[str, str]
    index: Index


def bring(
    file: Path, *, folder: Path, cache: Path, registry: str | None, console: Console, ca_bundle: Path | None = None
) -> Imported:
    """Import the archive; what is there already stays as it is, and what a killed import left is completed.

    Raises `MirrorDamagedError` before anything is used.
    """
    registry = naming.check_registry(registry) if registry else None
    with _opened(file) as archive:
        with activity(console, f"checking {file.name}") as shown:
            archive.verify(lambda done, total: shown.update(done / total))
        index = archive.index
        console.say(f"{file.name}: {len(index.members)} files, every checksum is right")
        _judge_python(index)
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            changed = _lay_out(archive, folder, console)
            if index.images:
                brought = images.bring(
                    archive, registry=registry, ca_bundle=ca_bundle, folder=cache / "mirror", console=console
                )
                for layer, ref in brought.items():
                    console.say(f"image {layer}: {ref}")
            console.say(f"vulnerability database: {database.bring(archive, cache / 'trivy')}")
            return _settings(index, folder, registry, changed)


def _opened(file: Path) -> Archive:
    try:
        return Archive(file)
    except OSError as error:
        raise ArchiveMissingError(f"{file} cannot be read: {error.strerror}", hint="check the path") from error


def _judge_python(index: Index) -> None:
    """Wheels for another Python would fail later, one by one."""
    if index.of_kind(WHEEL) and index.python != host_python.version():
        raise OtherPythonError(
            f"the archive has wheels for Python {index.python}, and this is Python {host_python.version()}",
            hint=f"run mlops-ci with Python {index.python} here, or export with this version",
        )


def _lay_out(archive: Archive, folder: Path, console: Console) -> int:
    """The files that stay files: wheels, the tool, actions."""
    new = [one for kind in LAID_OUT for one in archive.index.of_kind(kind) if not _is_there(one, folder / one.path)]
    needed, free = sum(member.bytes for member in new), shutil.disk_usage(folder).free
    if needed > free:
        raise DiskFullError(
            f"{folder} has {free / 1e6:.0f} MB of free space; {needed / 1e6:.0f} MB are needed",
            hint="free some, or name another folder with --to",
        )
    with activity(console, "laying out the files") as shown:
        for count, member in enumerate(new, 1):
            target = folder / member.path
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f"{target.name}.part")
            with part.open("wb") as stream:
                archive.copy(member, stream)
            os.replace(part, target)
            shown.update(count / len(new), member.name)
    if (folder / "wheels").is_dir():
        _write_index(folder)
    return len(new)


def _is_there(member: Member, path: Path) -> bool:
    return path.is_file() and path.stat().st_size == member.bytes and sha256_of(path) == member.sha256


def _write_index(folder: Path) -> None:
    """A simple index (PEP 503) over all wheels of the folder, those of earlier imports too."""
    projects: dict[str, list[str]] = {}
    for path, name, _ in sources.named(sorted((folder / "wheels").iterdir())):
        link = f'<a href="../../wheels/{escape(path.name)}#sha256={sha256_of(path)}">{escape(path.name)}</a><br>'
        projects.setdefault(canonicalize_name(name), []).append(link)
    for name, links in projects.items():
        _write(folder / "simple" / name / "index.html", "\n".join(["<!DOCTYPE html>", *links, ""]))
    rows = [f'<a href="{name}/">{name}</a><br>' for name in sorted(projects)]
    _write(folder / "simple" / "index.html", "\n".join(["<!DOCTYPE html>", *rows, ""]))


def _settings(index: Index, folder: Path, registry: str | None, changed: int) -> Imported:
    wheels = bool(index.of_kind(WHEEL)) and index.engine == "host"
    tables = site_tables(index, folder.resolve(), wheels=wheels, registry=registry)
    variables = as_variables(tables)
    _write(folder / SETTINGS, as_toml(tables))
    _write(folder / EXPORTS, as_exports(variables))
    _write(folder / "index.json", index_text(index).decode())
    return Imported(folder=folder, changed=changed, settings=as_toml(tables), variables=variables, index=index)


def _write(path: Path, text: str) -> None:
    """Write what is not there already: an import that changes nothing leaves every file alone."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_atomic(path, text)
