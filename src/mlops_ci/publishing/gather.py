"""Makes one run again of what its jobs handed on through the object store: nothing that is here already travels."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_ci.files import sha256_of, write_json
from mlops_ci.publishing.parts import file_key, newest_parts
from mlops_ci.records.codec import to_json
from mlops_ci.records.record import FileRef
from mlops_ci.run.collect import check_place, collect
from mlops_ci.run.handover import FILES, MANIFEST, Handover, is_large
from mlops_ci.run.run import HandoverError, Run, is_run_id
from mlops_ci.stores.base import Download, OnProgress, Store
from mlops_ci.stores.errors import ObjectMissingError, from_os_error


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """The run, the parts that it was made of, and how much came over the network for it."""

    run: Run
    parts: tuple[Handover, ...]
    files: int
    bytes: int


def gather(
    store: Store, run_id: str, workspace: Path, *, light: bool = False, on_progress: OnProgress | None = None
) -> Gathered:
    """Put the run together below `workspace` (`.mlops`): the newest attempt of each job, every file checked.

    A file that is there and right is not fetched. `light` leaves checkpoints, outputs and models in the store. On an
    error nothing below `workspace/runs` has changed. Raises `HandoverError`, `PartError`, and what a `Store` raises.
    """
    if not is_run_id(run_id):
        raise HandoverError(f"{run_id!r} is no run", hint="name the run that the job `plan` has begun: --run")
    parts = [_without_large(one) if light else one for one in newest_parts(store, run_id)]
    incoming = workspace / "handover" / "fetched"
    shutil.rmtree(incoming, ignore_errors=True)
    try:
        fetched = _fetch(store, parts, incoming, workspace, on_progress)
        run, collected = collect(incoming, workspace, run_id)
    except OSError as error:
        raise from_os_error(error, f"writing into {workspace}") from error
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    return Gathered(run=run, parts=collected, files=len(fetched), bytes=sum(one.bytes or 0 for one in fetched))


def _without_large(part: Handover) -> Handover:
    left = tuple(ref for ref in part.files if is_large(part.run, ref.path))
    return replace(part, files=tuple(ref for ref in part.files if ref not in left), elsewhere=(*part.elsewhere, *left))


def _fetch(
    store: Store, parts: Sequence[Handover], incoming: Path, workspace: Path, on_progress: OnProgress | None
) -> list[Download]:
    """Lay the parts out as artifacts are unpacked: each content is taken from here, or else fetched once."""
    downloads: dict[str, Download] = {}
    same: list[tuple[Path, Path]] = []
    for part in parts:
        folder = incoming / part.folder
        for ref in part.files:
            check_place(ref, f"{part.part} (attempt {part.attempt})")
            target, here = folder / FILES / ref.path, workspace / ref.path
            target.parent.mkdir(parents=True, exist_ok=True)
            if _is_here(here, ref):
                same.append((here, target))
            elif ref.sha256 in downloads:
                same.append((downloads[ref.sha256].path, target))
            else:
                key = file_key(part.run, ref.sha256)
                downloads[ref.sha256] = Download(key=key, path=target, bytes=ref.bytes, sha256=ref.sha256)
        write_json(folder / MANIFEST, to_json(part))
    try:
        store.download_files(list(downloads.values()), on_progress=on_progress)
    except ObjectMissingError as error:
        raise HandoverError(
            f"what a job handed on is gone: {error.cause}",
            hint="has a rule of the store removed it? Run the pipeline again as a whole",
        ) from error
    for source, target in same:
        _link(source, target)
    return list(downloads.values())


def _is_here(path: Path, ref: FileRef) -> bool:
    right = path.is_file() and not path.is_symlink() and path.stat().st_size == ref.bytes
    return right and sha256_of(path) == ref.sha256


def _link(source: Path, target: Path) -> None:
    """Another name where the file system has that: large files are not written twice."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
