"""One training from its first start to its end: retries by failure class, resume, and its metrics on their way."""

from __future__ import annotations

import shutil
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlops_ci.guest import layout
from mlops_ci.records.train import TrainAttempt
from mlops_ci.settings.train import TrainSettings
from mlops_ci.stages.addresses import store_opener
from mlops_ci.stages.image import image
from mlops_ci.stages.jobs import JobSpec, run_job
from mlops_ci.stages.session import Session
from mlops_ci.tracking.client import TrackedRun, Tracker
from mlops_ci.tracking.forwarder import Forwarder
from mlops_ci.tracking.job_environment import job_environment
from mlops_ci.training.away import PREFIX, AwayCheckpoints
from mlops_ci.training.metrics import LatestMetrics, drop_after, resume_step, set_aside
from mlops_ci.training.outcome import GuestLostError, JobError, Outcome
from mlops_ci.training.retrying import Retrying

METRICS = layout.METRICS


def away(session: Session, folder: Path, label: str = "train") -> AwayCheckpoints | None:
    """The checkpoints of this training in the store that the settings name for them; None without one."""
    address = session.settings.tables.train.checkpoint_store
    if address is None:
        return None
    key = f"{PREFIX}/{session.run.id}/{label.replace(' ', '-')}"
    return AwayCheckpoints(store_opener(session.settings)(address), key, folder / "checkpoints")


def collect_outputs(folder: Path, outputs: str) -> None:
    """Move what a training left in its working directory to `outputs` in its folder; the rest of its copy goes."""
    target, made = folder / "outputs", folder / "work" / outputs
    shutil.rmtree(target, ignore_errors=True)
    if made.is_dir():
        shutil.move(made, target)
    shutil.rmtree(folder / "work", ignore_errors=True)


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


@dataclass
class Training:
    """A training in a folder of its own. `halted` ends it from outside, and `label` tells it apart from others.

    `ref` is the image where it has been looked up. A halted training ends with its job's error, of class `halted`.
    """

    session: Session
    settings: TrainSettings
    spec: JobSpec
    tracker: Tracker
    tracked: TrackedRun
    attempts: Attempts
    label: str = ""
    ref: str | None = None
    away: AwayCheckpoints | None = None
    halted: threading.Event = field(default_factory=threading.Event)

    @property
    def folder(self) -> Path:
        """Where its job, its checkpoints and its model lie."""
        return self.spec.folder

    @property
    def metrics(self) -> Path:
        """The file of its metrics."""
        return self.folder / "job" / METRICS

    def halt(self) -> None:
        """Ask it to end, now and whenever it starts again; asking again is harmless, and reaches a later start."""
        self.halted.set()
        job = self.folder / "job"
        if job.is_dir() and not (job / layout.OUTCOME).exists():
            (job / layout.HALT).touch()

    def run(self) -> Outcome:
        """Start it, and again as the policy of its failure says; raises what the last start raised."""
        over = time.monotonic() + self.settings.timeout
        while True:
            started = time.monotonic()
            self._fetch()
            resumed = self._clean_metrics()
            forwarder = Forwarder(self.tracker, self.tracked.run_id, self.metrics)
            forwarder.start()
            if self.away is not None:
                self.away.start()
            try:
                outcome = self._attempt(max(1.0, over - started))
            except (JobError, GuestLostError) as error:
                self.attempts.add(error.failure_class, error.exit_code, time.monotonic() - started, resumed)
                decision = self.attempts.retrying.decide(error.failure_class, error.exit_code)
                if self.halted.is_set() or decision is None or time.monotonic() + decision.wait >= over:
                    raise
                self.attempts.retrying.count(error.failure_class, decision)
                self._say(f"! {error.failure_class}: {error.cause}; trying again in {decision.wait:.0f} s")
                if decision.from_beginning:
                    set_aside(self.folder / "checkpoints")
                    if self.away is not None:
                        self.away.forget()
                if self.halted.wait(decision.wait):
                    raise
            else:
                self.attempts.add("ok", 0, time.monotonic() - started, outcome.resumed_from)
                return outcome
            finally:
                if self.away is not None:
                    self.away.stop()
                forwarder.stop()

    def _fetch(self) -> None:
        for line in self.away.fetch() if self.away is not None else ():
            self._say(line)

    def _clean_metrics(self) -> int | None:
        """Drop the points that the resumed training will log again; the step from which it resumes, or None."""
        step = resume_step(self.folder / "checkpoints")
        drop_after(self.metrics, step)
        if step is not None:
            self._say(f"resuming from the checkpoint of step {step}")
        return step

    def _attempt(self, timeout: float) -> Outcome:
        spec = replace(
            self.spec,
            environment=job_environment(self.tracker, self.tracked) if self.settings.network else {},
            detail=LatestMetrics(self.metrics),
            label=self.label,
            task={**self.spec.task, "timeout": timeout},
        )
        return run_job(self.session, spec, self.ref or image(self.session, "train"))

    def _say(self, text: str) -> None:
        self.session.console.say(f"{self.label}: {text}" if self.label else text)
