"""One trial of a sweep: a training in a folder of its own, with parameters and an MLflow run of its own."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Literal, Protocol

from mlops_ci.records.codec import to_json
from mlops_ci.records.sweep import Trial, TrialStatus
from mlops_ci.settings.train import TrainSettings
from mlops_ci.stages.attempts import Attempts, Training, away, collect_outputs
from mlops_ci.stages.jobs import JobSpec
from mlops_ci.stages.lineage import tracking_tags
from mlops_ci.stages.session import Session
from mlops_ci.tracking.client import TrackedRun, Tracker
from mlops_ci.tracking.ending import finish, last_points
from mlops_ci.training.outcome import JobError, Outcome
from mlops_ci.training.retrying import Retrying
from mlops_ci.training.sweep.state import Done, TrialState, write
from mlops_ci.training.sweep.stopping import Values

PARENT = "mlflow.parentRunId"
HALTED = "halted"
# What a trial may fail with and the sweep goes on: the code's own failures, and its time.
OWN_FAILURES = (20, 21)
STATUSES: dict[TrialStatus, Literal["FINISHED", "FAILED", "KILLED"]] = {
    "finished": "FINISHED",
    "stopped": "KILLED",
    "failed": "FAILED",
}


class MakeJob(Protocol):
    """Gives the job of a training in a folder, with these settings."""

    def __call__(
        self, session: Session, folder: Path, *, champion_folder: Path, settings: TrainSettings | None = None
    ) -> JobSpec:
        """See `stages.train.job`."""


class RunningTrial:
    """A trial that is under way. `run` belongs into a thread; the others ask, halt and read it meanwhile."""

    def __init__(
        self, session: Session, state: TrialState, folder: Path, *, tracker: Tracker, parent: TrackedRun, metric: str,
        make: MakeJob, ref: str,
    ) -> None:  # fmt: skip
        self.state = state
        self.folder = folder
        self.stopped = ""
        self._session = session
        self._tracker = tracker
        self._metric = metric
        train = session.settings.tables.train
        settings = replace(train, params={**train.params, **state.params})
        self.attempts = Attempts(Retrying(train.retries))
        self.training = Training(
            session,
            settings,
            make(session, folder, champion_folder=folder / "champion", settings=settings),
            tracker,
            self._track(parent, settings),
            self.attempts,
            label=f"trial {state.number}",
            ref=ref,
            away=away(session, folder, f"trial {state.number}"),
        )
        self.values = Values(self.training.metrics, metric)

    def stop(self, why: str) -> None:
        """Others do better: end it, and keep what it reached."""
        self.stopped = self.stopped or why
        self.training.halt()

    def run(self) -> TrialState:
        """Train to the end, however it comes; gives what is to be kept of it.

        Raises what ends the whole sweep: a halt that is no stop, and every failure that is not the code's own.
        """
        try:
            outcome = self.training.run()
        except JobError as error:
            return self._failed(error)
        metric = outcome.metrics.get(self._metric)
        if metric is None:
            why = f"it logged no metric {self._metric}"
            return self._ended("failed", None, class_="no-metric", why=why, outcome=outcome)
        return self._ended("finished", metric, outcome=outcome)

    def _failed(self, error: JobError) -> TrialState:
        seen = self.values.read()
        if error.failure_class == HALTED and self.stopped:
            last = seen[-1] if seen else None
            return self._ended("stopped", last, class_="stopped", why=self.stopped, outcome=error.outcome)
        if error.exit_code not in OWN_FAILURES:
            raise error
        return self._ended("failed", None, class_=error.failure_class, why=error.cause, outcome=error.outcome)

    def _track(self, parent: TrackedRun, settings: TrainSettings) -> TrackedRun:
        session, number = self._session, self.state.number
        name = f"{session.run.id}-trial-{number}"
        tags = {**tracking_tags(session), PARENT: parent.run_id, "mlops.trial": number}
        params = {**settings.params, "seed": settings.seed}
        return self._tracker.start_run(session.settings.experiment, run=name, name=name, tags=tags, params=params)

    def _ended(
        self, status: TrialStatus, value: float | None, *, outcome: Outcome, class_: str = "ok", why: str = ""
    ) -> TrialState:
        collect_outputs(self.folder, self._session.settings.tables.train.outputs)
        if status != "finished":
            forget(self.folder)
        run_id = self.training.tracked.run_id
        _, untaken = last_points(self._tracker, run_id, self.training.metrics)
        warnings = [*outcome.warnings, *untaken, *finish(self._tracker, run_id, STATUSES[status])]
        seconds = round(sum(one.seconds for one in self.attempts.done), 3)
        trial = Trial(
            number=self.state.number,
            params=to_json(self.state.params),
            status=status,
            value=value,
            class_=class_,
            why=why,
            starts=len(self.attempts.done),
            seconds=seconds,
            run_id=run_id,
        )
        done = Done(
            attempts=tuple(self.attempts.done),
            metrics=outcome.metrics,
            devices=outcome.devices,
            device_details=outcome.device_details,
            checkpoint=str(outcome.checkpoint["path"]) if outcome.checkpoint else None,
            seconds=round(outcome.seconds, 3),
            peak_memory_bytes=outcome.peak_memory_bytes,
            retries=self.attempts.retrying.retries,
            resumes=self.attempts.retrying.resumes,
            warnings=tuple(f"trial {self.state.number}: {one}" for one in warnings),
            values=tuple(self.values.read()),
        )
        state = replace(self.state, trial=trial, done=done)
        write(self.folder, state)
        return state


def forget(folder: Path) -> None:
    """Nobody goes on with it: what is large goes, its metrics stay."""
    for name in ("model", "outputs", "checkpoints", "champion", "tmp"):
        shutil.rmtree(folder / name, ignore_errors=True)
