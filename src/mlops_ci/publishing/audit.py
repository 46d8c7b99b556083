"""Is all that was published still what it was? An object that several manifests name is read once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_ci.publishing.manifest import Manifest, ManifestError, PublishedFile, read_manifest
from mlops_ci.publishing.verify import WORKERS, Problem, check
from mlops_ci.stores.base import Meter, OnProgress, Store
from mlops_ci.stores.errors import ObjectMissingError
from mlops_ci.stores.parallel import in_parallel


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One manifest: `problems` of its files, or `unreadable` when it is damaged or gone itself."""

    manifest: str
    files: int
    bytes: int
    problems: tuple[Problem, ...] = ()
    unreadable: str = ""

    @property
    def whole(self) -> bool:
        """Whether everything is as it was published."""
        return not self.problems and not self.unreadable


def audit(
    store: Store, manifests: Sequence[tuple[str, str | None]], *, on_progress: OnProgress | None = None
) -> tuple[Verdict, ...]:
    """Check manifests (key, and SHA-256 if known) with every object that they name. Raises what a `Store` raises when
    it can't be asked: that is never a verdict.
    """
    read = [_read(store, key, sha256) for key, sha256 in manifests]
    objects = {file.key: file for one in read if isinstance(one, Manifest) for file in one.files}
    meter = Meter(files=len(objects), size=sum(file.bytes for file in objects.values()), on_progress=on_progress)

    def look(file: PublishedFile) -> Problem | None:
        problem = check(store, file)
        meter.add(files=1, size=file.bytes)
        return problem

    found = dict(zip(objects, in_parallel(look, objects.values(), workers=WORKERS), strict=True))
    return tuple(_verdict(key, one, found) for (key, _), one in zip(manifests, read, strict=True))


def _read(store: Store, key: str, sha256: str | None) -> Manifest | str:
    try:
        return read_manifest(store, key, sha256=sha256)
    except (ManifestError, ObjectMissingError) as error:
        return error.cause


def _verdict(key: str, manifest: Manifest | str, found: dict[str, Problem | None]) -> Verdict:
    if isinstance(manifest, str):
        return Verdict(manifest=key, files=0, bytes=0, unreadable=manifest)
    problems = [(file, found[file.key]) for file in manifest.files]
    return Verdict(
        manifest=key,
        files=len(manifest.files),
        bytes=sum({file.key: file.bytes for file in manifest.files}.values()),
        problems=tuple(
            Problem(kind=one.kind, name=file.name, key=file.key, detail=one.detail)
            for file, one in problems
            if one is not None
        ),
    )
