"""The stage train: the user's command, with limits, retries by failure class, resume, and metrics to MLflow."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlops_ci.errors import MlopsError, UsageError
from mlops_ci.files import regular_files
from mlops_ci.records.codec import to_json
from mlops_ci.records.sweep import SweepOutputs
from mlops_ci.records.train import TrackingRef, TrainOutputs
from mlops_ci.settings.train import TrainSettings
from mlops_ci.stages import champion, prepared, speed, sweep
from mlops_ci.stages.attempts import METRICS, Attempts, Training, away, collect_outputs
from mlops_ci.stages.jobs import JobSpec, fresh
from mlops_ci.stages.lineage import tracking_tags
from mlops_ci.stages.result import Result
from mlops_ci.stages.second_look import second_look
from mlops_ci.stages.session import Session
from mlops_ci.stages.signed import demanded
from mlops_ci.tracking.client import TrackedRun, Tracker
from mlops_ci.tracking.ending import finish, last_points
from mlops_ci.training.away import AwayCheckpoints
from mlops_ci.training.outcome import Outcome
from mlops_ci.training.retrying import Retrying
from mlops_ci.training.task import train_task

SYSTEM = "system.jsonl"


class NodesApartError(UsageError):
    """Several nodes are to train together, and what runs the training cannot be reached from outside."""


def inputs(session: Session) -> Mapping[str, Any]:
    """Code, data, image, settings and seed."""
    prepare = session.run.record("prepare")
    return {
        "code": session.resolution.code_sha256,
        "data": prepare.outputs.get("data_digest") if prepare is not None else None,
        "image": session.resolution.environment,
        "train": to_json(session.settings.tables.train),
        "gpus": session.gpus,
        **({"sweep": to_json(session.settings.tables.sweep)} if sweep.asked(session) else {}),
        **demanded(session.settings.tables.signing),
    }


def run(session: Session) -> Result:
    """Train; retry what is worth a retry; leave the model, the outputs and the metrics in the run directory."""
    check_nodes(session.settings.tables.train, session.engine.name)
    swept_names = session.settings.tables.sweep.names if sweep.asked(session) else ()
    params = {name: one for name, one in session.settings.tables.train.params.items() if name not in swept_names}
    tracker = Tracker(session.tracking_uri, session.console.redactor)
    tracked = tracker.start_run(
        session.settings.experiment,
        run=tracked_name(session),
        name=tracked_name(session),
        tags=tracking_tags(session),
        params={**params, "seed": session.settings.tables.train.seed},
    )
    attempts = Attempts(Retrying(session.settings.tables.train.retries))
    swept = kept = None
    try:
        if sweep.asked(session):
            swept = sweep.run(session, tracker, tracked, job)
            outcome, attempts = swept.outcome, swept.attempts
        else:
            spec = job(session, session.run.path("train"), champion_folder=session.run.path("champion"))
            node = session.settings.tables.train.node
            kept = away(session, spec.folder, f"node {node}" if node else "train")
            training = Training(session, session.settings.tables.train, spec, tracker, tracked, attempts, away=kept)
            outcome = training.run()
            collect_outputs(training.folder, session.settings.tables.train.outputs)
    except BaseException as error:
        error.outputs = _unfinished(tracker, tracked, attempts)  # type: ignore[attr-defined]  # the record keeps them
        with suppress(MlopsError):
            tracker.finish(tracked.run_id, "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
        raise
    return _collect(session, tracker, tracked, outcome, attempts, swept.outputs if swept is not None else None, kept)


def check_nodes(settings: TrainSettings, engine: str) -> None:
    """Refuse at once what would end in a long wait for partners that cannot come."""
    if settings.nodes == 1:
        return
    why = "containers of the engine docker have a network of their own" if engine == "docker" else ""
    if not settings.network:
        why = "with [train] network = false nothing reaches the other nodes"
    if why:
        hint = "use the engine host or inside, with the network: see several-processes in the documentation"
        raise NodesApartError(f"{settings.nodes} nodes cannot train together here: {why}", hint=hint)


def tracked_name(session: Session) -> str:
    """The MLflow run's name: of several nodes, only the first has the run's own, since rank 0 is there."""
    node = session.settings.tables.train.node
    return f"{session.run.id}-node-{node}" if node else session.run.id


def job(session: Session, folder: Path, *, champion_folder: Path, settings: TrainSettings | None = None) -> JobSpec:
    """The job of the training command, in `folder`; the champion's files, where asked for, in theirs."""
    settings = settings or session.settings.tables.train
    mounts: dict[str, tuple[Path, bool]] = {
        "checkpoints": (folder / "checkpoints", False),
        "model": (_empty(folder / "model"), False),
    }
    dataset = prepared.folder(session)
    if dataset is not None:
        mounts["data"] = (dataset, True)
    if settings.start_from == "champion":
        files = champion.files(session, champion_folder)
        if files is None:
            session.console.say("there is no champion yet: {champion} is an empty folder")
        mounts["champion"] = (files or fresh(champion_folder / "none"), True)
    return JobSpec(
        stage="train",
        folder=folder,
        task=train_task(run=session.run.id, settings=settings, gpus=session.gpus),
        mounts=mounts,
        gpus=session.gpus,
        keep=(METRICS, SYSTEM),
        network=settings.network,
    )


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _collect(
    session: Session,
    tracker: Tracker,
    tracked: TrackedRun,
    outcome: Outcome,
    attempts: Attempts,
    swept: SweepOutputs | None,
    kept: AwayCheckpoints | None,
) -> Result:
    folder = session.run.path("train")
    outputs = folder / "outputs"
    points, untaken = last_points(tracker, tracked.run_id, folder / "job" / METRICS)
    warnings = [*outcome.warnings, *untaken]
    if kept is not None and kept.problem:
        warnings.append(f"the newest checkpoint is not in {kept.store.uri}: {kept.problem}")
    throughput, slow = speed.look(
        session, tracker, tracked, folder / "job" / METRICS, outcome.device_details, round(outcome.seconds, 3)
    )
    warnings += [*slow, *finish(tracker, tracked.run_id, "FINISHED")]
    checkpoint = folder / "checkpoints" / str((outcome.checkpoint or {}).get("path", ""))
    if session.gpus:
        warnings += [*used(session.gpus, outcome.devices), *second_look(session)]
    return Result(
        outputs=TrainOutputs(
            tracking=TrackingRef(
                uri=tracker.public_uri,
                experiment_id=tracked.experiment_id,
                run_id=tracked.run_id,
                points=points,
            ),
            attempts=tuple(attempts.done),
            retries=attempts.retrying.retries,
            resumes=attempts.retrying.resumes,
            metrics=outcome.metrics,
            devices=outcome.devices,
            checkpoint=session.run.file(checkpoint) if checkpoint.is_file() else None,
            model=tuple(session.run.file(path) for path in regular_files(folder / "model")),
            artifacts=tuple(session.run.file(path) for path in regular_files(outputs)) if outputs.is_dir() else (),
            seconds=round(outcome.seconds, 3),
            peak_memory_bytes=outcome.peak_memory_bytes,
            signed_by=session.signed_by,
            sweep=swept,
            throughput=throughput,
        ),
        warnings=tuple(warnings),
    )


def used(gpus: int, devices: Sequence[str]) -> list[str]:
    """What is to be said when fewer GPUs were used than were asked for."""
    count = sum(device != "cpu" for device in devices)
    if count >= gpus or not devices:
        # Without any device the job was too short to tell, and says so itself.
        return []
    if not count:
        return ["a GPU was asked for, and the training used none: it ran on the CPU"]
    return [f"{gpus} GPUs were asked for, and the training used {count} of them"]


def _unfinished(tracker: Tracker, tracked: TrackedRun, attempts: Attempts) -> TrainOutputs:
    """What is known of a training that failed."""
    return TrainOutputs(
        tracking=TrackingRef(
            uri=tracker.public_uri, experiment_id=tracked.experiment_id, run_id=tracked.run_id, points=0
        ),
        attempts=tuple(attempts.done),
        retries=attempts.retrying.retries,
        resumes=attempts.retrying.resumes,
        metrics={},
        devices=(),
        checkpoint=None,
        model=(),
        artifacts=(),
        seconds=sum(attempt.seconds for attempt in attempts.done),
    )
