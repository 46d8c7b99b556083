"""All that a report is made from, read from the run's directory; what is missing or damaged is named, never fatal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from mlops_ci import pipeline
from mlops_ci.records.build import BuildOutputs
from mlops_ci.records.canary import CanaryOutputs
from mlops_ci.records.check import CheckOutputs
from mlops_ci.records.codec import RecordFormatError, from_json
from mlops_ci.records.deploy import DeployOutputs
from mlops_ci.records.evaluate import EvaluateOutputs
from mlops_ci.records.plan import PlanOutputs
from mlops_ci.records.prepare import PrepareOutputs
from mlops_ci.records.promote import PromoteOutputs
from mlops_ci.records.publish import PublishOutputs
from mlops_ci.records.record import Record
from mlops_ci.records.scan import ScanOutputs
from mlops_ci.records.smoke import SmokeOutputs
from mlops_ci.records.train import TrainOutputs
from mlops_ci.records.verify import VerifyOutputs
from mlops_ci.reporting.metrics import read_metrics
from mlops_ci.reporting.series import Series
from mlops_ci.reporting.usage import StageUsage, read_usage
from mlops_ci.run.nodes import Looked, looked
from mlops_ci.run.run import Lineage, Run, RunInfo, read_json
from mlops_ci.run.variants import built

T = TypeVar("T")

UNKNOWN = "unknown"
METRICS = Path("train", "job", "metrics.jsonl")
USAGE = "system.jsonl"
CANARY = "canary"
SMOKE = "smoke"


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What the stages that have a record left behind; None for a stage that left nothing (or nothing readable)."""

    plan: PlanOutputs | None = None
    build: BuildOutputs | None = None
    check: CheckOutputs | None = None
    scan: ScanOutputs | None = None
    prepare: PrepareOutputs | None = None
    verify: VerifyOutputs | None = None
    train: TrainOutputs | None = None
    evaluate: EvaluateOutputs | None = None
    publish: PublishOutputs | None = None
    promote: PromoteOutputs | None = None
    deploy: DeployOutputs | None = None
    canary: CanaryOutputs | None = None
    smoke: SmokeOutputs | None = None


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """One run. `records` has no report stage: a report does not report on itself. `problems` is what could not be read.
    `canary` is the record of the cell beside a night, `smoke` that of the smoke run before a training.

    `nodes` are the machines that it looked at, `variants` the further builds that images were made for, each in a job
    of its own.
    `metrics` are the training's series by step, `usage` the machine's by seconds, one for each job with samples.
    """

    folder: Path
    info: RunInfo
    records: Mapping[str, Record]
    canary: Record | None = None
    smoke: Record | None = None
    outputs: Outputs = field(default_factory=Outputs)
    nodes: tuple[Looked, ...] = ()
    variants: tuple[Looked, ...] = ()
    metrics: tuple[Series, ...] = ()
    usage: tuple[StageUsage, ...] = ()
    problems: tuple[str, ...] = ()

    @classmethod
    def read(cls, run_dir: Path) -> ReportData:
        """Everything that the directory holds; raises nothing for what it does not."""
        problems: list[str] = []
        info = _info(run_dir, problems)
        records = _records(run_dir, info, problems)
        beside = {name: records.pop(name) for name in (CANARY, SMOKE) if name in records}
        metrics, found = (
            read_metrics(run_dir / METRICS, METRICS.as_posix()) if (run_dir / METRICS).exists() else ((), [])
        )
        problems += found
        return cls(
            folder=run_dir,
            info=_completed(info, records),
            records=records,
            canary=beside.get(CANARY),
            smoke=beside.get(SMOKE),
            outputs=_outputs({**records, **beside}, problems),
            nodes=_cells(run_dir, info, problems, "what was seen of each node", looked),
            variants=_cells(run_dir, info, problems, "what was built for each further build", built),
            metrics=metrics,
            usage=tuple(_usage(run_dir, problems)),
            problems=tuple(problems),
        )


def _info(run_dir: Path, problems: list[str]) -> RunInfo:
    try:
        return from_json(RunInfo, read_json(run_dir / "run.json"), where="run.json")
    except RecordFormatError as error:
        problems.append(error.cause.replace(f"{run_dir}/", ""))
    lineage = Lineage(
        commit=None, commit_time=None, branch=None, dirty=False, diff_sha256=None, code_sha256="", config_sha256=""
    )
    return RunInfo(
        run=run_dir.name,
        created_at="",
        project=UNKNOWN,
        plan="",
        mode=None,
        engine=UNKNOWN,
        variant=UNKNOWN,
        provider=UNKNOWN,
        lineage=lineage,
    )


def _completed(info: RunInfo, records: Mapping[str, Record]) -> RunInfo:
    """Where `run.json` could not be read, a record says which engine and variant it was."""
    if info.engine != UNKNOWN or not records:
        return info
    values = {**info.__dict__}
    newest = list(records.values())[-1]
    values |= {"engine": newest.engine, "variant": newest.variant, "provider": newest.provider}
    return RunInfo(**values)


def _records(run_dir: Path, info: RunInfo, problems: list[str]) -> dict[str, Record]:
    run = Run(folder=run_dir, info=info)
    found: dict[str, Record] = {}
    for name in (*pipeline.NAMES, CANARY, SMOKE):
        if name == "report":
            continue
        try:
            record = run.record(name)
        except RecordFormatError as error:
            problems.append(error.cause.replace(f"{run_dir}/", ""))
            continue
        if record is not None:
            found[name] = record
    return found


def _cells(
    run_dir: Path, info: RunInfo, problems: list[str], what: str, read: Callable[[Run], tuple[Looked, ...]]
) -> tuple[Looked, ...]:
    try:
        return read(Run(folder=run_dir, info=info))
    except (RecordFormatError, AttributeError, TypeError) as error:
        problems.append(f"{what}: {error}".replace(f"{run_dir}/", ""))
        return ()


def _outputs(records: Mapping[str, Record], problems: list[str]) -> Outputs:
    def read(stage: str, kind: type[T]) -> T | None:
        record = records.get(stage)
        if record is None or not record.outputs:
            return None
        try:
            return from_json(kind, record.outputs, where=f"records/{stage}.json: outputs")
        except RecordFormatError as error:
            problems.append(error.cause)
            return None

    return Outputs(
        plan=read("plan", PlanOutputs),
        build=read("build", BuildOutputs),
        check=read("check", CheckOutputs),
        scan=read("scan", ScanOutputs),
        prepare=read("prepare", PrepareOutputs),
        verify=read("verify", VerifyOutputs),
        train=read("train", TrainOutputs),
        evaluate=read("evaluate", EvaluateOutputs),
        publish=read("publish", PublishOutputs),
        promote=read("promote", PromoteOutputs),
        deploy=read("deploy", DeployOutputs),
        canary=read(CANARY, CanaryOutputs),
        smoke=read(SMOKE, SmokeOutputs),
    )


def _usage(run_dir: Path, problems: list[str]) -> list[StageUsage]:
    """Jobs lie at `STAGE/job`, those of a stage with several at `STAGE/WHICH/job`."""
    files = sorted({*run_dir.glob(f"*/job/{USAGE}"), *run_dir.glob(f"*/*/job/{USAGE}")}, key=_place)
    found: list[StageUsage] = []
    for path in files:
        stage, *which = path.relative_to(run_dir).parent.parent.parts
        name = f"{stage} ({which[0]})" if which else stage
        usage, wrong = read_usage(path, name, path.relative_to(run_dir).as_posix())
        problems += wrong
        if usage is not None:
            found.append(usage)
    return found


def _place(path: Path) -> tuple[int, str]:
    """Pipeline order."""
    stage = next((part for part in reversed(path.parts) if part in pipeline.NAMES), "")
    return (pipeline.NAMES.index(stage) if stage else len(pipeline.NAMES), path.as_posix())
