"""A run that spreads over jobs on different machines: what each job hands on, and how that becomes one run again.

A job packs the records that it wrote and the files that these need into one folder; a later job collects such folders,
however its CI system carried them. `handover.json` in each names all its files with size and digest.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mlops_ci.errors import UsageError
from mlops_ci.files import regular_files, sha256_of, write_json
from mlops_ci.records.codec import to_json
from mlops_ci.records.record import FileRef
from mlops_ci.run.clock import now, stamp
from mlops_ci.run.run import Run

SCHEMA = "mlops-ci/handover/1"
MANIFEST = "handover.json"
FILES = "files"
# Where each stage keeps the folders of its jobs: their copies of the code and temporary files serve nobody later.
JOBS: dict[str, tuple[str, ...]] = {
    "check": ("check",),
    "prepare": ("prepare", "prepare/fetch"),
    "verify": ("verify",),
    "train": ("train",),
    "evaluate": ("evaluate/challenger", "evaluate/champion"),
}
LEFT_OUT = ("work", "tmp")
# Trials of a sweep lie at `train/trials/NUMBER`, each like a training of its own.
TRIALS = PurePosixPath("train", "trials")
# The folder of a stage, where it is not the stage's name.
FOLDERS = {"build": "sbom"}
# What runs in the job of a stage, and has a record of its own.
BESIDE: dict[str, tuple[str, ...]] = {"train": ("smoke",)}
# How the whole pipeline ended: the last job writes it.
RESULT = "result.json"
CHECKPOINTS = "train/checkpoints/"
# What may be large, and the stages that read it.
LARGE = (CHECKPOINTS, "train/model/", "train/outputs/", f"{TRIALS}/")
LARGE_FOR = frozenset({"train", "evaluate", "publish"})


class PackError(UsageError):
    """The run cannot be handed on."""


@dataclass(frozen=True, kw_only=True)
class Handover:
    """What one job hands on. `files` are relative to `.mlops`; `attempt` is the CI system's count of the same job.

    `elsewhere` are files of the run that stay where they are: nobody who gets this reads them. `file` is the one that
    was called with this job. `node` is that of a job which runs once for each node.
    """

    schema: str = SCHEMA
    run: str
    job: str
    attempt: int
    packed_at: str
    stages: tuple[str, ...]
    files: tuple[FileRef, ...]
    elsewhere: tuple[FileRef, ...] = ()
    file: str = ""
    node: str = ""

    @property
    def part(self) -> str:
        """What hands something on: the job, or the job of one node."""
        return "-".join(filter(None, (self.job, self.node)))

    @property
    def folder(self) -> str:
        """The name of the folder that holds it."""
        return f"{self.part}-{self.attempt}"


def newest(found: Iterable[Handover]) -> dict[str, Handover]:
    """Of each job (of each node) the one that counts: of one file the newest attempt, of several the newest of these.

    GitLab's count is the id of a job. Of two files that have a job of the same name it does not say which came last.
    """
    attempts: dict[tuple[str, str], Handover] = {}
    for one in sorted(found, key=lambda each: (each.attempt, each.packed_at)):
        attempts[one.part, one.file] = one
    return {one.part: one for one in sorted(attempts.values(), key=lambda each: each.packed_at)}


def pack(
    run: Run,
    *,
    job: str,
    attempt: int,
    stages: Sequence[str],
    target: Path,
    file: str = "",
    extra: Iterable[Path] = (),
    elsewhere: Sequence[FileRef] = (),
    node: str = "",
) -> Handover:
    """Copy what the job hands on to `target/JOB-ATTEMPT` (of a node `JOB-NODE-ATTEMPT`), the manifest last.

    `extra` are folders beside the runs.
    """
    folder = target / "-".join(filter(None, (job, node, str(attempt))))
    shutil.rmtree(folder, ignore_errors=True)
    refs = []
    left = {ref.path for ref in elsewhere}
    for name, path in contents(run, stages, extra):
        if name in left:
            continue
        copied = folder / FILES / name
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied)
        refs.append(FileRef(path=name, bytes=copied.stat().st_size, sha256=sha256_of(copied)))
    handover = Handover(
        run=run.id,
        job=job,
        attempt=attempt,
        packed_at=stamp(now()),
        stages=tuple(stages),
        files=tuple(refs),
        elsewhere=tuple(elsewhere),
        file=file,
        node=node,
    )
    write_json(folder / MANIFEST, to_json(handover))
    return handover


def contents(run: Run, stages: Sequence[str], extra: Iterable[Path] = ()) -> Iterator[tuple[str, Path]]:
    """Name below `.mlops` and path of everything that a job of these stages hands on."""
    base = run.folder.parent.parent
    for path in (*selected(run, stages), *(one for each in extra for one in _below(each))):
        yield path.relative_to(base).as_posix(), path


def is_large(run_id: str, name: str) -> bool:
    """Whether the file (`name` below `.mlops`) is one that only training, evaluation and publishing read."""
    return name.startswith(tuple(f"runs/{run_id}/{folder}" for folder in LARGE))


def selected(run: Run, stages: Sequence[str]) -> Iterator[Path]:
    """The files of the run that these stages made and that others read."""
    yield from (path for path in (run.path(name) for name in ("run.json", "settings.json")) if path.is_file())
    for stage in stages:
        yield from _of_records(run, stage)
        yield from sorted(run.path("logs").glob(f"{stage}.*"))
        for beside in BESIDE.get(stage, ()):
            yield from _of_records(run, beside)
            yield from sorted(run.path("logs").glob(f"{beside}.*"))
        kept = _named_checkpoints(run) if stage == "train" else None
        for path in regular_files(run.path(FOLDERS.get(stage, stage))):
            name = path.relative_to(run.folder).as_posix()
            if _wanted(stage, name) and (kept is None or not name.startswith(CHECKPOINTS) or name in kept):
                yield path
    if "report" in stages and run.path(RESULT).is_file():
        yield run.path(RESULT)
    if "promote" in stages and run.path("approval.json").is_file():
        yield run.path("approval.json")


def _below(path: Path) -> Iterable[Path]:
    return (path,) if path.is_file() else regular_files(path)


def _of_records(run: Run, stage: str) -> Iterator[Path]:
    yield from sorted(run.path("records", "attempts").glob(f"{stage}.*.json"))
    path = run.path("records", f"{stage}.json")
    if path.is_file():
        yield path


def _wanted(stage: str, name: str) -> bool:
    above = PurePosixPath(name).parents
    if TRIALS in above and PurePosixPath(name).parts[3:4] in {(part,) for part in LEFT_OUT}:
        return False
    return not any(PurePosixPath(job, part) in above for job in JOBS.get(stage, ()) for part in LEFT_OUT)


def _named_checkpoints(run: Run) -> set[str] | None:
    """A finished training hands on the checkpoint that its record names; an unfinished one (None) all, to resume."""
    record = run.record("train")
    if record is None or not record.done:
        return None
    checkpoint = record.outputs.get("checkpoint")
    return {str(checkpoint["path"])} if checkpoint else set()
