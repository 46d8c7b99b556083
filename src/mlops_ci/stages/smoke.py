"""The smoke run: a few steps of the training and a second start of it, to see in a minute what cannot work."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlops_ci.errors import MlopsError, UserCodeError
from mlops_ci.guest import layout
from mlops_ci.records.codec import to_json
from mlops_ci.records.smoke import SmokeCheck, SmokeOutputs
from mlops_ci.settings.train import TrainSettings
from mlops_ci.stages import train
from mlops_ci.stages.attempts import METRICS
from mlops_ci.stages.image import image
from mlops_ci.stages.jobs import JobSpec, run_job
from mlops_ci.stages.lineage import tracking_tags
from mlops_ci.stages.result import Result
from mlops_ci.stages.session import Session
from mlops_ci.tracking.client import Tracker
from mlops_ci.tracking.job_environment import job_environment
from mlops_ci.training.outcome import Outcome
from mlops_ci.training.smoke import Resumed, Seen, judge, logged, read_seen

NAME = "smoke"
# What is looked at where no loss was seen from inside, and the script logs one of this name.
LOSS = "loss"
MARKS = {"PASS": "✓", "FAIL": "✗", "SKIP": "-"}


class SmokeFailedError(UserCodeError):
    """The smoke run shows that the training cannot work as it is."""


@dataclass(frozen=True, kw_only=True)
class _Start:
    """One start of the training: its job, what it saw, and what is left of the time."""

    outcome: Outcome
    seen: Seen


def inputs(session: Session) -> Mapping[str, Any]:
    """What the training depends on, and how it is looked at."""
    return {**train.inputs(session), "smoke": to_json(session.settings.tables.smoke)}


def run(session: Session) -> Result:
    """Start the training for a few steps, and once more from its checkpoint; raise `SmokeFailedError` for a failure."""
    rule, began = session.settings.tables.smoke, time.monotonic()
    train.check_nodes(session.settings.tables.train, session.engine.name)
    shutil.rmtree(session.run.path(NAME), ignore_errors=True)
    checkpoints = session.run.path(NAME, "checkpoints")
    environment = _tracking(session)
    first = _start(session, "first", environment, timeout=rule.timeout, steps=rule.steps, patience=rule.patience)
    resumed = None
    if "checkpoint" in rule.checks and any(checkpoints.iterdir()):
        left = max(1.0, rule.timeout - (time.monotonic() - began))
        again = _start(session, "second", environment, timeout=left, steps=1, patience=1)
        resumed = Resumed(seen=again.seen, step=again.outcome.resumed_from, had_checkpoint=True)
    metrics = session.run.path(NAME, "first", "job", METRICS)
    if rule.metric is None and not first.seen.losses and logged(metrics, LOSS):
        rule = replace(rule, metric=LOSS)
    values = logged(metrics, rule.metric) if rule.metric is not None else ()
    checks = judge(rule, first.seen, values, resumed)
    shutil.rmtree(checkpoints, ignore_errors=True)
    outputs = SmokeOutputs(
        steps=first.seen.steps,
        losses=first.seen.losses,
        checks=checks,
        seconds=round(time.monotonic() - began, 3),
        resumed_from=resumed.step if resumed is not None else None,
    )
    for check in checks:
        session.console.say(f"{MARKS[check.status]} {check.id}: {check.why}")
    failed = [check for check in checks if check.status == "FAIL"]
    if failed:
        raise _failed(failed, outputs)
    skipped = tuple(f"smoke, {check.id}: {check.why}" for check in checks if check.status == "SKIP")
    return Result(outputs=outputs, warnings=skipped)


def _failed(failed: list[SmokeCheck], outputs: SmokeOutputs) -> SmokeFailedError:
    error = SmokeFailedError(
        "; ".join(f"{check.id}: {check.why}" for check in failed),
        hint="the training would not have worked: correct it, or say in [smoke] checks what is not to be looked at",
    )
    error.outputs = outputs  # type: ignore[attr-defined]  # the record keeps them
    return error


def _start(
    session: Session, which: str, environment: Mapping[str, str], *, timeout: float, steps: int, patience: int
) -> _Start:
    folder = session.run.path(NAME, which)
    session.console.say(f"smoke run: {'a few steps' if which == 'first' else 'a second start from the checkpoint'}")
    spec = job(session, folder)
    task = {
        **spec.task,
        "timeout": float(timeout),
        "smoke": {"steps": steps, "patience": patience},
    }
    outcome = run_job(session, replace(spec, task=task, environment=environment), image(session, "train"))
    shutil.rmtree(folder / "work", ignore_errors=True)
    return _Start(outcome=outcome, seen=read_seen(folder / "job" / layout.SMOKE))


def job(session: Session, folder: Path) -> JobSpec:
    """The job of the training with the smoke run's parameters. Both starts share checkpoints; no model is left."""
    spec = train.job(session, folder, champion_folder=session.run.path(NAME, "champion"))
    checkpoints = session.run.path(NAME, "checkpoints")
    checkpoints.mkdir(parents=True, exist_ok=True)
    mounts = {name: mount for name, mount in spec.mounts.items() if name != "model"}
    params = smoke_params(session.settings.tables.train, session.settings.tables.smoke.params)
    task = {**spec.task, "model": None, "params": params}
    return replace(
        spec, stage=NAME, task=task, mounts={**mounts, "checkpoints": (checkpoints, False)}, keep=(), detail=None
    )


def smoke_params(settings: TrainSettings, changed: Mapping[str, Any]) -> dict[str, Any]:
    """The training's parameters with those of the smoke run."""
    return {**settings.params, **changed}


def _tracking(session: Session) -> dict[str, str]:
    """An MLflow run of its own, for what the script logs to MLflow by itself."""
    settings = session.settings.tables.train
    if not settings.network:
        return {}
    tracker = Tracker(session.tracking_uri, session.console.redactor)
    name = f"{session.run.id}-{NAME}"
    tags = {**tracking_tags(session), "mlops.smoke": "true"}
    tracked = tracker.start_run(session.settings.experiment, run=name, name=name, tags=tags)

    def finish() -> None:
        with suppress(MlopsError):
            tracker.finish(tracked.run_id, "FINISHED")

    session.stack.callback(finish)
    return job_environment(tracker, tracked)
