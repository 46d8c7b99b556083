"""Everything that a project needs from outside, as rows: what, which, how large, and where it comes from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.images import sources
from mlops_ci.images.lookup import engine_image
from mlops_ci.mirroring import actions
from mlops_ci.mirroring.wanted import Lock, Wanted
from mlops_ci.scanning.binary import DISTRIBUTION as SCANNER
from mlops_ci.scanning.binary import ScannerMissingError
from mlops_ci.scanning.database import TRIVYS_OWN, cached_digest
from mlops_ci.version import version


@dataclass(frozen=True, kw_only=True)
class Need:
    """`digest` is what identifies it, `bytes` its size, each None where nobody knows it yet.

    `carried` says how the archive has it: as a file of its own, inside another row's, or (empty) not at all.
    """

    kind: str
    name: str
    version: str
    digest: str | None
    bytes: int | None
    source: str
    carried: str = "archive"


def needs(wanted: Wanted) -> tuple[Need, ...]:
    """The rows, from the lowest image to the tool. Nothing is built or fetched."""
    return (
        *_images(wanted),
        *_apt(wanted),
        *(row for lock in (*wanted.locks, *wanted.extra) for row in _wheels(wanted, lock)),
        *_requirements(wanted),
        *_scanner(wanted),
        *_actions(),
        Need(kind="tool", name="mlops-ci", version=version(), digest=None, bytes=None, source="this installation"),
    )


def _images(wanted: Wanted) -> Iterator[Need]:
    base = wanted.base
    if base is None:
        return
    found = engine_image(base.alias_of or base.ref)
    size = found.bytes if found else None
    name, _, tag = base.name.partition(":")
    yield Need(
        kind="base image", name=name, version=tag, digest=base.digest, bytes=size, source=base.alias_of or base.ref
    )
    for plan in wanted.plans:
        here = engine_image(plan.ref)
        yield Need(
            kind="layer",
            name=plan.name,
            version=plan.ref.rpartition(":")[2],
            digest=plan.content_key,
            bytes=here.bytes if here else None,
            source=plan.ref if plan.action == "reuse" else "to be built",
        )


def _apt(wanted: Wanted) -> Iterator[Need]:
    source = wanted.settings.tables.mirrors.apt or "Debian's own mirror"
    for spec in wanted.specs if wanted.engine == "docker" else ():
        names = spec.args.get("APT_PACKAGES", "Debian packages and their security updates")
        if "apt" in spec.uses and names:
            yield Need(
                kind="apt",
                name=names,
                version=wanted.period,
                digest=None,
                bytes=None,
                source=source,
                carried=f"layer {spec.name}",
            )


def _wheels(wanted: Wanted, lock: Lock) -> Iterator[Need]:
    packages = wanted.packages
    here = {(name, str(version)): path for path, name, version in sources.named(_local(packages.folders))}
    for pin in lock.pins:
        path = here.get((pin.name, str(pin.version)))
        (only,) = pin.hashes if len(pin.hashes) == 1 else (None,)
        yield Need(
            kind="wheel",
            name=pin.name,
            version=str(pin.version),
            digest=only,
            bytes=path.stat().st_size if path else None,
            source=f"lock {lock.name}",
        )


def _local(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(folder.iterdir())


def _requirements(wanted: Wanted) -> Iterator[Need]:
    for spec in wanted.specs:
        if spec.requirements:
            yield Need(
                kind="wheel",
                name=spec.requirements,
                version="resolved at export",
                digest=None,
                bytes=None,
                source="[image] requirements",
                carried="archive" if wanted.engine == "host" else f"layer {spec.name}",
            )


def _scanner(wanted: Wanted) -> Iterator[Need]:
    carried = f"wheel {SCANNER}" if any(pin.name == SCANNER for pin in wanted.locks[0].pins) else ""
    try:
        trivy = wanted.trivy
    except ScannerMissingError:
        source = "missing on this machine"
        yield Need(kind="scanner", name="trivy", version="", digest=None, bytes=None, source=source, carried=carried)
    else:
        yield Need(
            kind="scanner",
            name="trivy",
            version=trivy.version,
            digest=trivy.sha256,
            bytes=trivy.path.stat().st_size,
            source=str(trivy.path),
            carried=carried,
        )
    cache = wanted.cache / "trivy"
    file = cache / "db" / "trivy.db"
    yield Need(
        kind="scanner",
        name="trivy-db",
        version="2",
        digest=cached_digest(cache),
        bytes=file.stat().st_size if file.is_file() else None,
        source=wanted.settings.tables.mirrors.trivy_db or TRIVYS_OWN,
    )


def _actions() -> Iterator[Need]:
    server = actions.server_url(os.environ)
    for action in actions.pinned():
        yield Need(
            kind="action",
            name=action.repository,
            version=action.tag,
            digest=action.commit,
            bytes=None,
            source=f"{server}/{action.repository}",
        )
