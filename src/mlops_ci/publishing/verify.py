"""Is what was published still what it was? Every object is downloaded and hashed; nothing is believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlops_ci.publishing.manifest import PublishedFile, read_manifest
from mlops_ci.stores.base import Meter, OnProgress, Store
from mlops_ci.stores.errors import ObjectDamagedError, ObjectMissingError
from mlops_ci.stores.parallel import in_parallel

WORKERS = 8


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One file that is not what the manifest says; `unsigned`: the signature does not hold."""

    kind: Literal["missing", "truncated", "altered", "unsigned"]
    name: str
    key: str
    detail: str


def verify(
    store: Store, manifest_key: str, *, sha256: str | None = None, on_progress: OnProgress | None = None
) -> list[Problem]:
    """Check every object of a manifest; an empty list means that all SHA-256 match.

    Raises `ManifestError` or `ObjectMissingError` for the manifest itself, and what a `Store` raises when it can't be
    asked: that is never a verdict.
    """
    manifest = read_manifest(store, manifest_key, sha256=sha256)
    files = list({file.key: file for file in manifest.files}.values())
    meter = Meter(files=len(files), size=sum(file.bytes for file in files), on_progress=on_progress)

    def look(file: PublishedFile) -> Problem | None:
        problem = check(store, file)
        meter.add(files=1, size=file.bytes)
        return problem

    problems = {file.key: found for file, found in zip(files, in_parallel(look, files, workers=WORKERS), strict=True)}
    found = [(file, problems[file.key]) for file in manifest.files]
    return [
        Problem(kind=problem.kind, name=file.name, key=file.key, detail=problem.detail)
        for file, problem in found
        if problem is not None
    ]


def check(store: Store, file: PublishedFile) -> Problem | None:
    """Download and hash one object; what is wrong with it, or None."""
    try:
        real = store.hash_object(file.key)
    except ObjectMissingError as error:
        return Problem(kind="missing", name=file.name, key=file.key, detail=error.cause)
    except ObjectDamagedError as error:
        return Problem(kind="altered", name=file.name, key=file.key, detail=error.cause)
    if real.bytes < file.bytes:
        return Problem(
            kind="truncated", name=file.name, key=file.key, detail=f"{real.bytes} of {file.bytes} bytes are left"
        )
    if real.sha256 != file.sha256:
        return Problem(
            kind="altered", name=file.name, key=file.key, detail=f"SHA-256 {real.sha256}, expected {file.sha256}"
        )
    return None
