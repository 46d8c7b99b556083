"""Makes one run again of what several jobs handed on: the newest attempt of each, every file checked."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from mlops_ci import pipeline
from mlops_ci.files import sha256_of
from mlops_ci.records.codec import RecordFormatError, from_json
from mlops_ci.records.record import FileRef
from mlops_ci.run.handover import FILES, MANIFEST, SCHEMA, Handover, is_large, newest
from mlops_ci.run.nodes import NODE, NODES
from mlops_ci.run.run import BESIDE_ID, HandoverError, Run, is_run_id, open_run, read_json

# An artifact may be unpacked into the folder itself, or into a folder of its own name.
DEEPEST = 3


@dataclass(frozen=True, kw_only=True)
class Found:
    """A manifest and the folder that it lies in."""

    folder: Path
    handover: Handover


def collect(folder: Path, workspace: Path, run_id: str | None = None) -> tuple[Run, tuple[Handover, ...]]:
    """Put the run (the only one, or `run_id`) together below `workspace` (`.mlops`); nothing is copied on an error.

    Raises `HandoverError` when something is missing or not what its manifest says.
    """
    found = _newest(_found(folder), run_id, folder)
    for one in found:
        _check(one)
    found.sort(key=_position)
    for one in found:
        _put_all(one, workspace)
    run = open_run(workspace / "runs", found[0].handover.run)
    for name in ("records", "logs"):
        run.path(name).mkdir(exist_ok=True)
    check_records(run, [ref for one in found for ref in one.handover.elsewhere])
    return run, tuple(one.handover for one in found)


def runs_in(folder: Path) -> frozenset[str]:
    """The runs of which something was handed on in this folder."""
    return frozenset(one.handover.run for one in _found(folder))


def check_records(run: Run, elsewhere: Iterable[FileRef] = ()) -> None:
    """Every file that a record names is there, or stays elsewhere, and is what the record says.

    Raises `HandoverError`.
    """
    known = {(ref.path, ref.bytes, ref.sha256) for ref in elsewhere}
    for record in run.records().values():
        for ref in _refs(record.outputs):
            if (f"runs/{run.id}/{ref.path}", ref.bytes, ref.sha256) not in known:
                run.open(ref)


def large_files(run: Run) -> tuple[FileRef, ...]:
    """The files named by records that only training, evaluation and publishing read, as seen from `.mlops`."""
    named = [ref for record in run.records().values() for ref in _refs(record.outputs)]
    placed = [replace(ref, path=f"runs/{run.id}/{ref.path}") for ref in named]
    return tuple(dict.fromkeys(ref for ref in placed if is_large(run.id, ref.path)))


def check_place(ref: FileRef, what: str) -> None:
    """Raises `HandoverError` for a file that would be put outside of the workspace."""
    parts = PurePosixPath(ref.path).parts
    if not parts or ref.path.startswith("/") or ".." in parts:
        raise HandoverError(f"{what}: {ref.path!r} lies outside", hint="was it made by `handover pack`?")


def check_needs(run: Run, stages: Iterable[str]) -> None:
    """Everything that these stages need is done, by themselves or by the jobs before; raises `HandoverError`.

    What waits for a human has had its say: what comes after it knows that there is nothing to do yet.
    """
    coming = set(stages)
    for stage in pipeline.NAMES:
        for need in pipeline.stage(stage).needs if stage in coming else ():
            record = run.record(need)
            if need not in coming and (record is None or not (record.done or record.status == "waiting")):
                state = "has left no record" if record is None else f"has {record.status}"
                raise HandoverError(
                    f"{stage} needs {need}, which {state} in run {run.id}",
                    hint=f"was what the job that runs {need} handed on fetched, and is it still kept? Run the "
                    "pipeline again as a whole when it has expired",
                )


def _found(folder: Path) -> list[Found]:
    found = []
    for path in sorted(folder.rglob(MANIFEST)):
        if len(path.relative_to(folder).parts) <= DEEPEST and FILES not in path.relative_to(folder).parts[:-1]:
            handover = from_json(Handover, read_json(path), where=str(path))
            if handover.schema != SCHEMA:
                raise RecordFormatError(f"{path}: is a {handover.schema}", hint=f"this version reads {SCHEMA}")
            found.append(Found(folder=path.parent, handover=handover))
    return found


def _newest(found: Sequence[Found], run_id: str | None, folder: Path) -> list[Found]:
    """Of each job of the run the newest attempt."""
    # What was made beside a run is asked for by its name.
    runs = {one.handover.run for one in found if not BESIDE_ID.fullmatch(one.handover.run)}
    if run_id is None and len(runs) > 1:
        raise HandoverError(f"{folder} holds several runs: {', '.join(sorted(runs))}", hint="name one with --run")
    wanted = run_id or next(iter(runs), None)
    counts = newest(one.handover for one in found if one.handover.run == wanted)
    if not counts:
        held = f"it holds {', '.join(sorted(runs))}" if runs else "it holds none at all"
        raise HandoverError(
            f"nothing of run {wanted or '(any)'} was handed on in {folder}: {held}",
            hint="were the artifacts of the earlier jobs downloaded, and are they still kept?",
        )
    chosen = {one.handover.part: one for one in found if counts.get(one.handover.part) is one.handover}
    return list(chosen.values())


def _among_nodes(found: Found) -> tuple[bool, str]:
    """Of the jobs of several nodes the last one's records are those of the run: one that failed, where there is one."""
    if not found.handover.node:
        return (False, "")
    records = [found.folder / FILES / ref.path for ref in found.handover.files if "/records/" in ref.path]
    latest = [read_json(path) for path in records if path.is_file() and path.parent.name == "records"]
    failed = any(isinstance(one, dict) and one.get("status") == "failed" for one in latest)
    return (failed, found.handover.node)


def _position(found: Found) -> tuple[int, bool, bool, str, str, str]:
    """In pipeline order, so that later jobs write last; of several jobs that ran the same stage, who ran it last.

    The last job also notes the stages that no job ran: where another file's job runs one after that, it counts.
    """
    handover = found.handover
    positions = [pipeline.NAMES.index(stage) for stage in handover.stages if stage in pipeline.NAMES]
    last = any(pipeline.STAGES[one].always for one in positions)
    place = min(positions) if last else max(positions, default=0)
    return (place, not last, *_among_nodes(found), handover.packed_at, handover.job)


def _check(found: Found) -> None:
    what = f"{found.handover.part} (attempt {found.handover.attempt})"
    if found.handover.node and not NODE.fullmatch(found.handover.node):
        raise HandoverError(f"{what}: {found.handover.node!r} is no node", hint="was it made by `handover pack`?")
    if not is_run_id(found.handover.run):
        raise HandoverError(f"{what}: {found.handover.run!r} is no run", hint="was it made by `handover pack`?")
    for ref in found.handover.files:
        check_place(ref, what)
        path = found.folder / FILES / ref.path
        if not path.is_file() or path.is_symlink():
            raise HandoverError(
                f"{ref.path} is missing from what the job {what} handed on",
                hint="was the whole artifact downloaded? Run that job again",
            )
        if path.stat().st_size != ref.bytes or sha256_of(path) != ref.sha256:
            raise HandoverError(
                f"{ref.path} is not what the job {what} handed on", hint="it was changed on the way: run that job again"
            )


def _put_all(found: Found, workspace: Path) -> None:
    """What a job of one of several nodes made lies in a folder of that node too: the next one's takes its place."""
    own = f"runs/{found.handover.run}/"
    for ref in found.handover.files:
        source = found.folder / FILES / ref.path
        _put(source, workspace / ref.path)
        if found.handover.node and ref.path.startswith(own):
            _put(source, workspace / own / NODES / found.handover.node / ref.path.removeprefix(own))


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    shutil.copyfile(source, partial)
    os.replace(partial, target)


def _refs(value: object) -> Iterable[FileRef]:
    """All references to files of the run directory below a record's outputs."""
    if isinstance(value, Mapping):
        if set(value) == {"path", "bytes", "sha256"}:
            yield from_json(FileRef, value)
        else:
            for one in value.values():
                yield from _refs(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _refs(one)
