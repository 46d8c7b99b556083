"""The stage train: the user's command, with limits, retries by failure class, resume, and metrics to MLflow."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlops_ci.errors import InfrastructureError, MlopsError, UsageError
from mlops_ci.files import regular_files
from mlops_ci.records.codec import to_json
from mlops_ci.records.train import TrackingRef, TrainAttempt, TrainOutputs
from mlops_ci.settings.train import TrainSettings
from mlops_ci.stages import champion, prepared
from mlops_ci.stages.image import image
from mlops_ci.stages.jobs import JobSpec, fresh, run_job
from mlops_ci.stages.lineage import tracking_tags
from mlops_ci.stages.result import Result
from mlops_ci.stages.second_look import second_look
from mlops_ci.stages.session import Session
from mlops_ci.stages.signed import demanded
from mlops_ci.tracking.client import TrackedRun, Tracker
from mlops_ci.tracking.forwarder import Forwarder
from mlops_ci.tracking.job_environment import job_environment
from mlops_ci.training.metrics import LatestMetrics, drop_after, resume_step, set_aside
from mlops_ci.training.outcome import GuestLostError, JobError, Outcome
from mlops_ci.training.retrying import Retrying
from mlops_ci.training.task import train_task

METRICS = "metrics.jsonl"
SYSTEM = "system.jsonl"


@dataclass
class Attempts:
    """The starts of the user's command within this stage, and what was tried again."""

    retrying: Retrying
    done: list[TrainAttempt] = field(default_factory=list)

    def add(self, class_: str, exit_code: int, seconds: float, resumed_from: int | None) -> None:
        """Note one start that has ended."""
        self.done.append(
            TrainAttempt(class_=class_, exit_code=exit_code, seconds=round(seconds, 3), resumed_from=resumed_from)
        )


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
        **demanded(session.settings.tables.signing),
    }


def run(session: Session) -> Result:
    """Train; retry what is worth a retry; leave the model, the outputs and the metrics in the run directory."""
    check_nodes(session.settings.tables.train, session.engine.name)
    tracker = Tracker(session.tracking_uri, session.console.redactor)
    tracked = tracker.start_run(
        session.settings.experiment,
        run=tracked_name(session),
        name=tracked_name(session),
        tags=tracking_tags(session),
        params={**session.settings.tables.train.params, "seed": session.settings.tables.train.seed},
    )
    attempts = Attempts(Retrying(session.settings.tables.train.retries))
    try:
        outcome = _train(session, tracker, tracked, attempts)
    except BaseException as error:
        error.outputs = _unfinished(tracker, tracked, attempts)  # type: ignore[attr-defined]  # the record keeps them
        with suppress(MlopsError):
            tracker.finish(tracked.run_id, "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
        raise
    return _collect(session, tracker, tracked, outcome, attempts)


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


def _train(session: Session, tracker: Tracker, tracked: TrackedRun, attempts: Attempts) -> Outcome:
    settings = session.settings.tables.train
    over = time.monotonic() + settings.timeout
    while True:
        started = time.monotonic()
        resumed = _clean_metrics(session)
        forwarder = Forwarder(tracker, tracked.run_id, session.run.path("train", "job", METRICS))
        forwarder.start()
        try:
            outcome = _attempt(session, tracker, tracked, max(1.0, over - started))
        except (JobError, GuestLostError) as error:
            attempts.add(error.failure_class, error.exit_code, time.monotonic() - started, resumed)
            decision = attempts.retrying.decide(error.failure_class, error.exit_code)
            if decision is None or time.monotonic() + decision.wait >= over:
                raise
            attempts.retrying.count(error.failure_class, decision)
            session.console.say(f"! {error.failure_class}: {error.cause}; trying again in {decision.wait:.0f} s")
            if decision.from_beginning:
                set_aside(session.run.path("train", "checkpoints"))
            time.sleep(decision.wait)
        else:
            attempts.add("ok", 0, time.monotonic() - started, outcome.resumed_from)
            return outcome
        finally:
            forwarder.stop()


def _clean_metrics(session: Session) -> int | None:
    """Drop the points that the resumed training will log again; the step from which it resumes, or None."""
    step = resume_step(session.run.path("train", "checkpoints"))
    drop_after(session.run.path("train", "job", METRICS), step)
    if step is not None:
        session.console.say(f"resuming from the checkpoint of step {step}")
    return step


def _attempt(session: Session, tracker: Tracker, tracked: TrackedRun, timeout: float) -> Outcome:
    settings = session.settings.tables.train
    folder = session.run.path("train")
    spec = replace(
        job(session, folder, champion_folder=session.run.path("champion")),
        environment=job_environment(tracker, tracked) if settings.network else {},
        detail=LatestMetrics(folder / "job" / METRICS),
    )
    return run_job(session, replace(spec, task={**spec.task, "timeout": timeout}), image(session, "train"))


def job(session: Session, folder: Path, *, champion_folder: Path) -> JobSpec:
    """The job of the training command, in `folder`; the champion's files, where asked for, in theirs."""
    settings = session.settings.tables.train
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


def _collect(session: Session, tracker: Tracker, tracked: TrackedRun, outcome: Outcome, attempts: Attempts) -> Result:
    folder = session.run.path("train")
    outputs = folder / "outputs"
    made = folder / "work" / session.settings.tables.train.outputs
    shutil.rmtree(outputs, ignore_errors=True)
    if made.is_dir():
        shutil.move(made, outputs)
    shutil.rmtree(folder / "work", ignore_errors=True)
    forwarded = Forwarder(tracker, tracked.run_id, folder / "job" / METRICS).replay()
    warnings = [*outcome.warnings, *([forwarded.warning] if forwarded.warning else [])]
    try:
        tracker.finish(tracked.run_id, "FINISHED")
    except InfrastructureError as error:
        # A good training is not lost because MLflow is down at its end: publish marks the run as finished.
        warnings.append(f"the MLflow run could not be marked as finished yet: {error.cause}")
    checkpoint = folder / "checkpoints" / str((outcome.checkpoint or {}).get("path", ""))
    if session.gpus:
        warnings += [*used(session.gpus, outcome.devices), *second_look(session)]
    return Result(
        outputs=TrainOutputs(
            tracking=TrackingRef(
                uri=tracker.public_uri,
                experiment_id=tracked.experiment_id,
                run_id=tracked.run_id,
                points=forwarded.points,
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
        ),
        warnings=tuple(warnings),
    )


def used(gpus: int, devices: Sequence[str]) -> list[str]:
    """What is to be said when fewer GPUs were used than were asked for."""
    count = sum(device != "cpu" for device in devices)
    if count >= gpus:
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
