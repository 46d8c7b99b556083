"""Publish a bundle of files: objects first, in parallel and each content once, then the manifest as the commit."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.errors import UsageError
from mlops_ci.publishing.manifest import (
    SCHEMA,
    SIGNATURE,
    ArtifactNameError,
    Manifest,
    PublishedFile,
    check_model,
    check_name,
    encode,
    manifest_key,
    object_key,
)
from mlops_ci.publishing.notices import announced
from mlops_ci.records.publish import ManifestRef, ObjectCount
from mlops_ci.stores.base import OnProgress, Store, Upload
from mlops_ci.stores.errors import ObjectLostError, ObjectMissingError, StoreConflictError
from mlops_ci.stores.measure import measure_all

Sign = Callable[[bytes], Path | None]


class ArtifactMissingError(UsageError):
    """A file that is to be published is not there or can't be read."""


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What is in the store now. `objects` counts contents: equal files are one object. `data` is the manifest."""

    manifest: ManifestRef
    objects: ObjectCount
    data: bytes


def publish(
    store: Store,
    *,
    model: str,
    files: Sequence[tuple[str, Path]],
    lineage: Mapping[str, Any],
    metrics: Mapping[str, float],
    evaluation: Mapping[str, Any],
    on_progress: OnProgress | None = None,
    sign: Sign | None = None,
) -> Publication:
    """Publish `files` (name in the bundle, path) of `model`. Doing it again changes nothing and gives the same result.

    `lineage`, `metrics` and `evaluation` go into the manifest as they are: nothing in them may depend on when or how
    often this is called. `sign` gets the manifest as it would be without a signature, and gives the file of one, the
    same each time, or None. Killed at any moment it leaves objects without a manifest, which the next call uses.
    While it runs, a notice in the store keeps collectors of garbage from what it relies on.
    Raises `ArtifactNameError`, `ArtifactMissingError`, `StoreConflictError`, `CollectorBusyError` and what a `Store`
    raises.
    """
    uploads = _measure(files)

    def made() -> bytes:
        files = sorted(uploads.items())
        manifest = Manifest(
            schema=SCHEMA,
            model=check_model(model),
            files=tuple(
                PublishedFile(name=name, bytes=one.bytes, sha256=one.sha256, key=one.key) for name, one in files
            ),
            lineage=lineage,
            metrics=metrics,
            evaluation=evaluation,
        )
        return encode(manifest)

    data = made()
    signature = sign(data) if sign is not None else None
    if signature is not None:
        uploads |= _measure([(SIGNATURE, signature)])
        data = made()
    objects = list({upload.key: upload for upload in uploads.values()}.values())
    key = manifest_key(model, data)
    with announced(store, key, (one.sha256 for one in objects)):
        uploaded, reused = store.put_files(objects, on_progress=on_progress)
        _commit(store, key, data)
    return Publication(
        manifest=ManifestRef(store=store.uri, key=key, sha256=hashlib.sha256(data).hexdigest()),
        objects=ObjectCount(
            count=len(objects), bytes=sum(one.bytes for one in objects), uploaded=uploaded, reused=reused
        ),
        data=data,
    )


def _measure(files: Sequence[tuple[str, Path]]) -> dict[str, Upload]:
    """Hash all files; raises for a name that is unusable or stands twice."""
    if not files:
        raise ArtifactMissingError("there is nothing to publish", hint="training must leave a model or other outputs")
    paths = {check_name(name): path for name, path in files}
    if len(paths) != len(files):
        twice = sorted(name for name, count in Counter(name for name, _ in files).items() if count > 1)
        raise ArtifactNameError(f"two files would be published as {', '.join(twice)}", hint="rename one of them")
    for path in paths.values():
        _require_regular(path)
    try:
        facts = measure_all(paths.values())
    except OSError as error:
        raise ArtifactMissingError(
            f"{error.filename or 'a file'} can't be read: {error.strerror}",
            hint="run the stage that writes it again, with --force",
        ) from error
    return {
        name: Upload(
            key=object_key(fact.sha256), path=path, sha256=fact.sha256, bytes=fact.bytes, modified_ns=fact.modified_ns
        )
        for (name, path), fact in zip(paths.items(), facts, strict=True)
    }


def _require_regular(path: Path) -> None:
    """A pipe or a device may have no end, and a link may lead anywhere. What is not there is told by who reads it."""
    mode = path.lstat().st_mode if os.path.lexists(path) else stat.S_IFREG
    if not stat.S_ISREG(mode):
        what = "a symbolic link" if stat.S_ISLNK(mode) else "a directory" if stat.S_ISDIR(mode) else "no regular file"
        raise ArtifactMissingError(
            f"{path} is {what}: it can't be published", hint="let the training write a plain file there"
        )


def _commit(store: Store, key: str, data: bytes) -> None:
    written = store.put_bytes(key, data, only_if_absent=True)
    try:
        # The commit point is looked at once more also when it was just written: nothing after it may rest on a promise.
        found = store.get_bytes(key)
    except ObjectMissingError as error:
        raise ObjectLostError(
            f"the store {store.uri} said that it {'took' if written else 'has'} the manifest {key}, and has it not",
            hint="run the stage again when the store is repaired: nothing was registered",
        ) from error
    if found != data:
        raise StoreConflictError(
            f"the store {store.uri} already holds another manifest under {key}",
            hint="the manifest was damaged or changed by hand: restore or remove it, then run publish again",
        )
