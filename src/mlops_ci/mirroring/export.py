"""`mirror export`: everything into a folder of parts, and from there into one archive."""

from __future__ import annotations

import shutil
import sysconfig
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from mlops_ci.images import host_python, sources
from mlops_ci.mirroring import actions, database, images
from mlops_ci.mirroring.index import (
    ACTION,
    DATABASE,
    IMAGE,
    LOCK,
    TOOL,
    WHEEL,
    BaseEntry,
    DatabaseEntry,
    ImageEntry,
    Index,
    Member,
)
from mlops_ci.mirroring.tool import tool_wheel
from mlops_ci.mirroring.wanted import TOOL_LOCK, Wanted
from mlops_ci.mirroring.wheels import Wheels, unique
from mlops_ci.mirroring.writing import Source, write
from mlops_ci.progress import activity
from mlops_ci.resources import bundle
from mlops_ci.version import version


@dataclass(frozen=True, kw_only=True)
class Exported:
    """An archive that is whole."""

    file: Path
    bytes: int
    sha256: str
    index: Index


@dataclass(kw_only=True)
class _Parts:
    """What was gathered so far."""

    sources: dict[str, Source] = field(default_factory=dict)
    members: list[Member] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def add(self, path: str, source: Source, *, kind: str, name: str, version: str) -> None:
        self.sources[path] = source
        self.members.append(
            Member(path=path, bytes=source.size, sha256=source.sha256(), kind=kind, name=name, version=version)
        )


def export(wanted: Wanted, target: Path, *, without: Collection[str] = ()) -> Exported:
    """Write the archive. What was fetched lies in `TARGET.parts` until the archive is whole: a second try goes on."""
    folder = target.with_name(f"{target.name}.parts")
    parts = _Parts()
    layers: tuple[ImageEntry, ...] = ()
    base: BaseEntry | None = None
    found: DatabaseEntry | None = None
    if "wheels" not in without:
        _wheels(parts, wanted, folder / "wheels")
    if "tool" not in without:
        _tool(parts, folder / "tool")
    if wanted.engine == "docker" and "images" not in without:
        layers, base = images.finished(wanted, parts.missing)
        _images(parts, wanted, layers, base, folder / "images")
    if "database" not in without:
        found, files = database.export(wanted, folder / "database")
        for path, source in files.items():
            parts.add(path, source, kind=DATABASE, name="trivy-db", version=found.built_at)
    if "actions" not in without:
        for action, file in actions.bundles(folder / "actions", wanted.console, parts.missing).items():
            path = f"{actions.FOLDER}/{action.file}"
            parts.add(path, _whole(file), kind=ACTION, name=action.repository, version=action.commit)
    index = Index(
        version=version(),
        project=wanted.settings.name,
        engine=wanted.engine,
        variant=wanted.variant,
        python=host_python.version(),
        platform=sysconfig.get_platform(),
        period=wanted.period if layers else "",
        base=base,
        images=layers,
        database=found,
        missing=tuple(parts.missing),
        members=tuple(sorted(parts.members, key=lambda member: member.path)),
    )
    with activity(wanted.console, f"writing {target.name}") as shown:
        sha256 = write(target, index, parts.sources, lambda done, total: shown.update(done / total))
    shutil.rmtree(folder, ignore_errors=True)
    return Exported(file=target, bytes=target.stat().st_size, sha256=sha256, index=index)


def _wheels(parts: _Parts, wanted: Wanted, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    fetch = Wheels(wanted=wanted, folder=folder)
    paths = [path for lock in (*wanted.locks, *wanted.extra) for path in fetch.locked(lock)]
    if wanted.user_layer is not None:
        paths += fetch.requirements(wanted.user_layer)
    for name, path in unique(paths).items():
        ((_, distribution, number),) = sources.named([path])
        parts.add(f"wheels/{name}", _whole(path), kind=WHEEL, name=distribution, version=str(number))


def _tool(parts: _Parts, folder: Path) -> None:
    wheel = tool_wheel(folder)
    parts.add(f"tool/{wheel.name}", _whole(wheel), kind=TOOL, name="mlops-ci", version=version())
    lock = bundle("requirements") / TOOL_LOCK
    parts.add(f"tool/{TOOL_LOCK}", _whole(lock), kind=LOCK, name="tool", version=version())


def _images(
    parts: _Parts, wanted: Wanted, layers: tuple[ImageEntry, ...], base: BaseEntry | None, folder: Path
) -> None:
    refs = [entry.ref for entry in layers] + ([base.ref] if base is not None and base.ref is not None else [])
    for path, source in images.save(refs, folder, wanted.console).items():
        parts.add(path, source, kind=IMAGE, name=wanted.settings.name, version=wanted.variant)


def _whole(path: Path) -> Source:
    return Source(path=path, size=path.stat().st_size)
