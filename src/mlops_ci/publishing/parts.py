"""What the jobs of a run hand on through the object store: files by their content, then a manifest as the commit.

    handover/RUN/files/SHA256                      the content of files, each once
    handover/RUN/parts/JOB-ATTEMPT-DIGEST.json     what one attempt of a job hands on; written last, never replaced;
                                                   of a job that runs once for each node JOB-NODE-ATTEMPT-DIGEST

The digest in a manifest's name is that of its bytes. An attempt without one has handed on nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.errors import UncheckedError
from mlops_ci.records.codec import RecordFormatError, from_json, to_json
from mlops_ci.records.record import FileRef
from mlops_ci.run.clock import now, stamp
from mlops_ci.run.handover import SCHEMA, Handover, contents, newest
from mlops_ci.run.run import HandoverError, Run
from mlops_ci.stores.base import OnProgress, Store, Upload
from mlops_ci.stores.errors import StoreConflictError, from_os_error
from mlops_ci.stores.measure import measure_all

FOLDER = "handover"
DIGITS = 16
NAME = re.compile(r"(?P<part>[a-z]+(?:-[A-Za-z0-9_-]+?)?)-(?P<attempt>\d+)-(?P<digest>[0-9a-f]{16})\.json")


class PartError(UncheckedError):
    """What a job handed on through the store is damaged or was changed: nothing of it counts."""


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """What a job handed on, and how many contents of it were new to the store."""

    handover: Handover
    uploaded: int
    reused: int


def file_key(run_id: str, sha256: str) -> str:
    """Where the content of a file lies."""
    return f"{FOLDER}/{run_id}/files/{sha256}"


def push(
    store: Store,
    run: Run,
    *,
    job: str,
    attempt: int,
    stages: Sequence[str],
    extra: Iterable[Path] = (),
    file: str = "",
    node: str = "",
    on_progress: OnProgress | None = None,
) -> Pushed:
    """Put what the job hands on into the store, its manifest last; what is there already is not sent again.

    Killed at any moment it leaves contents without a manifest, which the next call uses.
    """
    found = list(contents(run, stages, extra))
    try:
        facts = measure_all(path for _, path in found)
    except OSError as error:
        raise from_os_error(error, "reading what the job hands on") from error
    uploads = {
        fact.sha256: Upload(
            key=file_key(run.id, fact.sha256),
            path=path,
            sha256=fact.sha256,
            bytes=fact.bytes,
            modified_ns=fact.modified_ns,
        )
        for (_, path), fact in zip(found, facts, strict=True)
    }
    uploaded, reused = store.put_files(list(uploads.values()), on_progress=on_progress)
    handover = Handover(
        run=run.id,
        job=job,
        attempt=attempt,
        packed_at=stamp(now()),
        stages=tuple(stages),
        files=tuple(
            FileRef(path=name, bytes=fact.bytes, sha256=fact.sha256)
            for (name, _), fact in zip(found, facts, strict=True)
        ),
        file=file,
        node=node,
    )
    _commit(store, handover)
    return Pushed(handover=handover, uploaded=uploaded, reused=reused)


def has_parts(store: Store, run_id: str) -> bool:
    """Whether any job of the run has handed something on."""
    return bool(_parts(store, run_id))


def _parts(store: Store, run_id: str) -> list[str]:
    keys = [info.key for info in store.list(f"{FOLDER}/{run_id}/parts/")]
    return [key for key in keys if NAME.fullmatch(key.rpartition("/")[2])]


def newest_parts(store: Store, run_id: str) -> list[Handover]:
    """Of each job of the run what its newest attempt handed on; raises `HandoverError` when there is nothing."""
    # The same attempt may have handed on twice: before it was cancelled, and after.
    found = [_read(store, key, run_id) for key in _parts(store, run_id)]
    if not found:
        raise HandoverError(
            f"nothing of run {run_id} was handed on in {store.uri}",
            hint="do all jobs use the same `[publish] store`, and is what they left there still kept?",
        )
    return list(newest(found).values())


def _commit(store: Store, handover: Handover) -> None:
    data = (json.dumps(to_json(handover), sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()
    digest = hashlib.sha256(data).hexdigest()[:DIGITS]
    key = f"{FOLDER}/{handover.run}/parts/{handover.folder}-{digest}.json"
    if not store.put_bytes(key, data, only_if_absent=True) and store.get_bytes(key) != data:
        raise StoreConflictError(
            f"the store {store.uri} already holds something else under {key}",
            hint="it was damaged or changed by hand: remove it, and run the job again",
        )


def _read(store: Store, key: str, run_id: str) -> Handover:
    data = store.get_bytes(key)
    name = NAME.fullmatch(key.rpartition("/")[2])
    hint = "run that job again, and find out who may write into the store"
    if name is None or not hashlib.sha256(data).hexdigest().startswith(name["digest"]):
        raise PartError(f"{store.uri}/{key} is not what the job wrote: it was damaged or changed", hint=hint)
    try:
        found = from_json(Handover, json.loads(data), where=key)
    except (ValueError, RecordFormatError) as error:
        raise PartError(f"{store.uri}/{key} cannot be read: {error}", hint=hint) from error
    about = (found.schema, found.run, found.part, str(found.attempt))
    if about != (SCHEMA, run_id, name["part"], name["attempt"]):
        raise PartError(f"{store.uri}/{key} says that it is something else: {about}", hint=hint)
    return found
