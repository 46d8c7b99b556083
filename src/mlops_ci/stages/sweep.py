"""A sweep within the stage train: trials beside each other, the hopeless ones ended early, and the best one goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mlops_ci.engines.devices import visible_devices
from mlops_ci.errors import UserCodeError
from mlops_ci.files import digest_of, write_json
from mlops_ci.records.codec import to_json
from mlops_ci.records.sweep import SweepOutputs, Trial
from mlops_ci.settings.sweep import SweepSettings
from mlops_ci.stages.attempts import Attempts
from mlops_ci.stages.image import image
from mlops_ci.stages.session import Session
from mlops_ci.stages.trial import MakeJob, RunningTrial, forget
from mlops_ci.tracking.client import TrackedRun, Tracker
from mlops_ci.training.outcome import Outcome
from mlops_ci.training.retrying import Retrying
from mlops_ci.training.sweep.optuna_study import OptunaSearch
from mlops_ci.training.sweep.search import Chance, Grid, Search
from mlops_ci.training.sweep.space import space
from mlops_ci.training.sweep.state import TrialState, best_of, read, write
from mlops_ci.training.sweep.stopping import worse_than_others

Goal = Literal["max", "min"]
FOLDER = "trials"
KEY = "sweep.json"
LOOK_EVERY = 0.5
# What of the best trial becomes the training's own.
GOES_ON = ("model", "outputs", "checkpoints", "job")


class SweepFailedError(UserCodeError):
    """No trial of the sweep came to its end with a value."""


@dataclass(frozen=True, kw_only=True)
class Swept:
    """The best trial as if it had been the only training, and what is told of all."""

    outcome: Outcome
    attempts: Attempts
    outputs: SweepOutputs


def asked(session: Session) -> bool:
    """Whether this training is a sweep."""
    return session.settings.tables.sweep.on


def metric_and_goal(session: Session) -> tuple[str, Goal]:
    """What trials are compared by."""
    tables = session.settings.tables
    return str(tables.sweep.metric or tables.evaluate.metric), tables.sweep.goal or tables.evaluate.goal


def in_words(session: Session) -> str:
    """What a sweep will do, for the plan; empty where there is none."""
    rule = session.settings.tables.sweep
    if not asked(session):
        return ""
    metric, goal = metric_and_goal(session)
    count = min(rule.trials, Grid(space(rule)).size) if rule.method == "grid" else rule.trials
    early = f"; a trial ends early by the {rule.stop} of the others" if rule.stop != "never" else ""
    names = ", ".join(rule.names)
    pace = f"{_at_a_time(session)} at a time, the best by {metric} ({goal})"
    return f"{rule.method}, {count} trials over {names}, {pace}{early}"


def run(session: Session, tracker: Tracker, tracked: TrackedRun, make: MakeJob) -> Swept:
    """Run all trials that have not ended yet; leave the best one's files where a single training leaves its own."""
    folder = _folder(session)
    sweep = _Sweep(session, tracker, tracked, make, folder, _search(session, folder), image(session, "train"))
    sweep.run()
    best = sweep.best()
    if best is None or best.done is None or best.trial is None:
        raise SweepFailedError(
            f"none of {len(sweep.ended)} trials came to its end with a value: {_why(sweep.ended)}",
            hint="the log of each trial is logs/train.trial-N.log in the run's folder",
        )
    session.console.say(f"the best: trial {best.number}, {sweep.metric} {best.trial.value:.6g}, {_named(best)}")
    _goes_on(folder / str(best.number), session.run.path("train"))
    tracker.set_tags(tracked.run_id, {"mlops.best_trial": best.number, "mlops.best_trial_run": best.trial.run_id})
    params = {**session.settings.tables.train.params, **best.params}
    tracker.start_run(session.settings.experiment, run=session.run.id, name=session.run.id, params=params)
    return _as_one(session, best, sweep)


def _folder(session: Session) -> Path:
    """Where the trials of this very sweep lie; those of another one, or of a sweep that is to be made anew, go."""
    folder, tables = session.run.path("train", FOLDER), session.settings.tables
    key = {"sweep": digest_of(to_json([tables.sweep, tables.train, session.resolution.code_sha256]))}
    record = session.run.record("train")
    anew = session.force and record is not None and record.done
    try:
        known = json.loads((folder / KEY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = None
    if anew or known != key:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / KEY, key)
    return folder


def _search(session: Session, folder: Path) -> Search:
    rule, seed = session.settings.tables.sweep, session.settings.tables.train.seed
    if rule.method == "grid":
        return Grid(space(rule))
    if rule.method == "random":
        return Chance(space(rule), seed)
    return OptunaSearch(
        space(rule),
        storage=rule.study or str(folder / "study.journal"),
        name=session.settings.name,
        run=session.run.id,
        goal=metric_and_goal(session)[1],
        seed=seed,
    )


def _at_a_time(session: Session) -> int:
    wanted = session.settings.tables.sweep.parallel
    if not session.gpus:
        return wanted
    return max(1, min(wanted, len(visible_devices(session.environ)) // session.gpus))


@dataclass
class _Sweep:
    """The trials: those that have ended, and those that are under way."""

    session: Session
    tracker: Tracker
    tracked: TrackedRun
    make: MakeJob
    folder: Path
    search: Search
    ref: str
    ended: list[TrialState] = field(default_factory=list)
    under_way: dict[Future[TrialState], RunningTrial] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.metric, self.goal = metric_and_goal(self.session)

    @property
    def rule(self) -> SweepSettings:
        return self.session.settings.tables.sweep

    def run(self) -> None:
        """All of them; whatever ends this early ends those that are under way first: they save their checkpoints."""
        at_a_time = _at_a_time(self.session)
        waiting = self._trials()
        with ThreadPoolExecutor(max_workers=at_a_time, thread_name_prefix="trial") as pool:
            try:
                while True:
                    while len(self.under_way) < at_a_time and (state := next(waiting, None)) is not None:
                        self._start(pool, state)
                    if not self.under_way:
                        return
                    self._look()
            except BaseException:
                while self.under_way:
                    for one in self.under_way.values():
                        one.training.halt()
                    self._drop(wait(self.under_way, LOOK_EVERY).done)
                raise

    def best(self) -> TrialState | None:
        """The state of the trial that goes on."""
        trial = best_of([one.trial for one in self.ended if one.trial is not None], self.goal)
        return None if trial is None else next(one for one in self.ended if one.number == trial.number)

    def _trials(self) -> Iterator[TrialState]:
        """Those that are still to be run, in their order. What has ended before is told to the search only."""
        for number in range(1, self.rule.trials + 1):
            state = read(self.folder / str(number))
            if state is None:
                params = self.search.ask(number)
                if params is None:
                    return
                state = TrialState(number=number, params=params)
                write(self.folder / str(number), state)
            if state.trial is None:
                yield state
            else:
                self.session.console.say(f"trial {number} has ended before: {_told(state.trial, self.metric)}")
                self._take(state)

    def _start(self, pool: ThreadPoolExecutor, state: TrialState) -> None:
        self.session.console.say(f"trial {state.number} begins: {_named(state)}")
        trial = RunningTrial(
            self.session,
            state,
            self.folder / str(state.number),
            tracker=self.tracker,
            parent=self.tracked,
            metric=self.metric,
            make=self.make,
            ref=self.ref,
        )
        self.under_way[pool.submit(trial.run)] = trial

    def _look(self) -> None:
        for future in wait(self.under_way, LOOK_EVERY, FIRST_COMPLETED).done:
            self.under_way.pop(future)
            state = future.result()
            self._take(state)
            if state.trial is not None:
                self.session.console.say(f"trial {state.number} has ended: {_told(state.trial, self.metric)}")
        for trial in self.under_way.values():
            others = [one.done.values for one in self.ended if one.done is not None and one.done.values]
            others += [one.values.read() for one in self.under_way.values() if one is not trial]  # type: ignore[misc]
            why = trial.stopped or worse_than_others(self.rule, self.goal, trial.values.read(), others)
            if why:
                trial.stop(why)

    def _take(self, state: TrialState) -> None:
        """Note a trial that has ended; of all that have finished only the best one's files are kept."""
        self.ended.append(state)
        finished = state.trial is not None and state.trial.status == "finished"
        self.search.tell(state.number, state.trial.value if finished and state.trial is not None else None)
        best = self.best()
        for one in self.ended:
            if best is not None and one.number != best.number:
                forget(self.folder / str(one.number))

    def _drop(self, ended: set[Future[TrialState]]) -> None:
        for future in ended:
            self.under_way.pop(future)


def _goes_on(trial: Path, target: Path) -> None:
    """Move what is kept of the best trial to where a single training leaves it; done in part before, it goes on."""
    for name in GOES_ON:
        if (trial / name).is_dir():
            shutil.rmtree(target / name, ignore_errors=True)
            shutil.move(trial / name, target / name)


def _as_one(session: Session, best: TrialState, sweep: _Sweep) -> Swept:
    if best.done is None:
        raise ValueError(f"trial {best.number} has not ended")
    done, ended = best.done, sorted(sweep.ended, key=lambda one: one.number)
    attempts = Attempts(Retrying(session.settings.tables.train.retries), list(done.attempts))
    attempts.retrying.counted.update({"retry": done.retries, "resume": done.resumes})
    outcome = Outcome(
        class_="ok",
        exit_code=0,
        cause="",
        hint="",
        seconds=sum(one.done.seconds for one in ended if one.done is not None),
        metrics=done.metrics,
        devices=done.devices,
        device_details=done.device_details,
        checkpoint={"path": done.checkpoint} if done.checkpoint else None,
        peak_memory_bytes=done.peak_memory_bytes,
        warnings=done.warnings,
    )
    outputs = SweepOutputs(
        method=sweep.rule.method,
        metric=sweep.metric,
        goal=sweep.goal,
        trials=tuple(one.trial for one in ended if one.trial is not None),
        best=best.number,
        params=to_json({**session.settings.tables.train.params, **best.params}),
    )
    return Swept(outcome=outcome, attempts=attempts, outputs=outputs)


def _named(state: TrialState) -> str:
    return ", ".join(f"{name} {value}" for name, value in state.params.items())


def _told(trial: Trial, metric: str) -> str:
    value = f", {metric} {trial.value:.6g}" if trial.value is not None else ""
    return f"{trial.status}{value}{': ' if trial.why else ''}{trial.why}"


def _why(ended: Sequence[TrialState]) -> str:
    trial = next((one.trial for one in ended if one.trial is not None), None)
    return (
        f"trial {trial.number} {trial.status}, {trial.class_}: {trial.why}" if trial is not None else "nothing to try"
    )
