"""A run's directory: `run.json` says what it was made from, `records/` what is done."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from mlops_ci import pipeline
from mlops_ci.errors import UsageError
from mlops_ci.files import sha256_of, write_json
from mlops_ci.records.codec import RecordFormatError, from_json, to_json
from mlops_ci.records.record import SCHEMA, FileRef, Record
from mlops_ci.run.clock import stamp

RUN_SCHEMA = "mlops-ci/run/1"
RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
# A run that makes the images of another build of PyTorch has the name of the planned one and the build's: every job of
# both knows it without being told.
BESIDE_ID = re.compile(rf"(?P<planned>{RUN_ID.pattern})-(?P<variant>cpu|cu[0-9]+)")

T = TypeVar("T")


class UnknownRunError(UsageError):
    """No run of that name."""


class HandoverError(UsageError):
    """A file that a record names is missing or changed."""


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """What the run was made from; unknown parts are null."""

    commit: str | None
    commit_time: str | None
    branch: str | None
    dirty: bool
    diff_sha256: str | None
    code_sha256: str
    config_sha256: str
    data_sha256: str | None = None
    extra_sha256: str | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """The content of `run.json`. By the fingerprint `plan` an unfinished run is recognised as the same work.

    `file` is the configuration's name; `sets` are the settings that came from outside of it, as `--set` takes them, and
    `withheld` the keys of those that hold a secret. `reproduces` is the run that this one repeats, `beside` the run
    that it belongs to: a night whose canary it is, or one beside which it makes the images of another build.
    """

    schema: str = RUN_SCHEMA
    run: str
    created_at: str
    project: str
    plan: str
    mode: str | None
    engine: str
    variant: str
    provider: str
    lineage: Lineage
    links: Mapping[str, str] = field(default_factory=dict)
    file: str | None = None
    sets: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    reproduces: str | None = None
    beside: str | None = None

    @property
    def own(self) -> bool:
        """Whether it is work of its own: neither the repetition of another run, nor anything beside one."""
        return self.reproduces is None and self.beside is None


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: its directory and what it says."""

    folder: Path
    info: RunInfo

    @property
    def id(self) -> str:
        """The run's id, which sorts by time."""
        return self.info.run

    def path(self, *parts: str) -> Path:
        """A path inside the run's directory."""
        return self.folder.joinpath(*parts)

    def record(self, stage: str) -> Record | None:
        """The stage's newest record, or None. Raises `RecordFormatError` for a damaged file."""
        path = self.path("records", f"{stage}.json")
        if not path.exists():
            return None
        record = from_json(Record, read_json(path), where=str(path))
        if record.schema != SCHEMA or record.stage != stage:
            raise RecordFormatError(f"{path}: is a {record.schema} of stage {record.stage}", hint="run the stage again")
        return record

    def records(self) -> dict[str, Record]:
        """All records, in pipeline order."""
        found = {name: self.record(name) for name in pipeline.NAMES}
        return {name: record for name, record in found.items() if record is not None}

    def outputs(self, stage: str, cls: type[T]) -> T:
        """The typed outputs of a passed stage; raises `HandoverError` when it has none."""
        record = self.record(stage)
        if record is None or not record.outputs:
            raise HandoverError(f"the stage {stage} has left no outputs", hint=f"run `mlops-ci {stage}` first")
        return from_json(cls, record.outputs, where=f"records/{stage}.json: outputs")

    def next_attempt(self, stage: str) -> int:
        """The number of the attempt that would start now: 1, 2, ..."""
        record = self.record(stage)
        return 1 if record is None else record.attempt + 1

    def write(self, record: Record) -> None:
        """Write a record, last and atomically; an earlier one is kept under its attempt number."""
        path = self.path("records", f"{record.stage}.json")
        if path.exists() and (previous := self._attempt_of(path)) is not None:
            kept = self.path("records", "attempts", f"{record.stage}.{previous}.json")
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(path.read_bytes())
        write_json(path, to_json(record))

    @property
    def running(self) -> Path:
        """While a stage runs, this file says which; what is left here was killed."""
        return self.path("running.json")

    def file(self, path: Path) -> FileRef:
        """A reference to a file of this run, for a record."""
        return FileRef(path=path.relative_to(self.folder).as_posix(), bytes=path.stat().st_size, sha256=sha256_of(path))

    def open(self, ref: FileRef) -> Path:
        """The path of a file that a record names, checked; raises `HandoverError`."""
        path = self.folder / ref.path
        if not path.is_file():
            raise HandoverError(
                f"{ref.path} is missing from run {self.id}", hint="was the whole run directory handed on?"
            )
        if path.stat().st_size != ref.bytes or sha256_of(path) != ref.sha256:
            raise HandoverError(
                f"{ref.path} is not what the record says", hint="run the stage that made it again: --force"
            )
        return path

    @staticmethod
    def _attempt_of(path: Path) -> int | None:
        try:
            return int(json.loads(path.read_text())["attempt"])
        except (ValueError, KeyError, TypeError):
            return None


def read_json(path: Path) -> Any:
    """The JSON value in a file; raises `RecordFormatError` when it is none."""
    try:
        return json.loads(path.read_text())
    except (ValueError, OSError) as error:
        raise RecordFormatError(
            f"{path}: not readable as JSON: {error}", hint="run the stage again with --force"
        ) from error


def is_run_id(name: str) -> bool:
    """Whether a run may be called that: after its moment, or also after the build that it is for."""
    return (RUN_ID.fullmatch(name) or BESIDE_ID.fullmatch(name)) is not None


def new_run_id(moment: datetime) -> str:
    """`YYYYMMDD-HHMMSS-` and six hex digits: three that sort by time within the second, three random ones."""
    return f"{moment:%Y%m%d-%H%M%S}-{moment.microsecond * 4096 // 1_000_000:03x}{secrets.randbelow(4096):03x}"


def create(runs: Path, info: RunInfo) -> Run:
    """A new run directory. `run.json` is written last: a directory without it is no run."""
    folder = runs / info.run
    (folder / "records").mkdir(parents=True)
    (folder / "logs").mkdir()
    write_json(folder / "run.json", to_json(info))
    return Run(folder=folder, info=info)


def open_run(runs: Path, name: str) -> Run:
    """The run of that id, or `latest`: the newest that is work of its own. Raises `UnknownRunError`."""
    known = run_ids(runs)
    if name == "latest" and known:
        found = (_read(runs, one) for one in reversed(known))
        return next((run for run in found if run.info.own), _read(runs, known[-1]))
    if name not in known:
        newest = ", ".join(reversed(known[-3:])) or "none"
        raise UnknownRunError(
            f"there is no run `{name}` in {runs}", hint=f"the newest runs: {newest}; `mlops-ci runs` lists all"
        )
    return _read(runs, name)


def _read(runs: Path, name: str) -> Run:
    return Run(
        folder=runs / name, info=from_json(RunInfo, read_json(runs / name / "run.json"), where=f"{name}/run.json")
    )


def run_ids(runs: Path) -> list[str]:
    """The ids of all runs, oldest first."""
    if not runs.is_dir():
        return []
    return sorted(one.name for one in runs.iterdir() if is_run_id(one.name) and (one / "run.json").is_file())


def unfinished(runs: Path, plan: str, *, beside: str | None = None) -> Run | None:
    """The newest run (the newest canary `beside` a night) if it has the same plan and has not come to its end."""
    try:
        newest = _newest(runs, beside)
        if newest is None:
            return None
        report = newest.record("report")
        promote, deploy = newest.record("promote"), newest.record("deploy")
    except RecordFormatError:
        return None
    moved = promote is not None and promote.done and (deploy is None or deploy.done)
    finished = report is not None and report.done and moved
    same = newest.info.plan == plan and newest.info.reproduces is None
    return newest if same and not finished else None


def _newest(runs: Path, beside: str | None) -> Run | None:
    known = run_ids(runs)
    if beside is None:
        return open_run(runs, "latest") if known else None
    return next((run for one in reversed(known) if (run := _read(runs, one)).info.beside == beside), None)


def new_info(
    *,
    moment: datetime,
    project: str,
    plan: str,
    mode: str | None,
    engine: str,
    variant: str,
    provider: str,
    lineage: Lineage,
    links: Mapping[str, str],
    file: str | None = None,
    sets: tuple[str, ...] = (),
    withheld: tuple[str, ...] = (),
    reproduces: str | None = None,
    beside: str | None = None,
    name: str | None = None,
) -> RunInfo:
    """The description of a run that starts now; `name` is its id where that follows from another run's."""
    return RunInfo(
        run=name or new_run_id(moment),
        created_at=stamp(moment),
        project=project,
        plan=plan,
        mode=mode,
        engine=engine,
        variant=variant,
        provider=provider,
        lineage=lineage,
        links=links,
        file=file,
        sets=sets,
        withheld=withheld,
        reproduces=reproduces,
        beside=beside,
    )
