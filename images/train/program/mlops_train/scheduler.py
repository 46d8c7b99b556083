"""Waits for the times of all tasks in the foreground. A task never runs twice at once; a failed run ends nothing."""

import signal
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from . import health
from .runner import Run, forget_old_logs, log_file
from .settings import Settings, Task
from .stamps import Stamps, text

# Seconds between two looks: at most so late does a run start, and a signal take effect.
TICK = 0.5


def say(message: str) -> None:
    """One line for whoever reads the container's log."""
    print(f"mlops-train: {message}", flush=True)


class Planned:
    """One task: its next time, and the run of it that goes on."""

    def __init__(self, task: Task, settings: Settings, now: datetime) -> None:
        self.task = task
        self.run: Run | None = None
        self._settings = settings
        self._stamps = Stamps(settings.logs, task.name)
        self._held: IO[bytes] | None = None
        self.next = self._first(now)

    def _first(self, now: datetime) -> datetime:
        """The next time; or now, to make up for what was missed while nothing ran here."""
        schedule, zone = self.task.schedule, self.task.zone
        assert schedule is not None  # noqa: S101  # only tasks with a schedule are planned
        stamp, last = self._stamps.read(), schedule.previous(now, zone)
        if stamp.due and datetime.fromisoformat(stamp.due) < last:
            self._stamps.write(stamp.missing(last, "no container ran"))
            say(f"{self.task.name}: missed its run of {text(last)}: no container ran")
            if self._settings.catch_up:
                say(f"{self.task.name}: making up for it now")
                return now
        return schedule.next(now, zone)

    def look(self, now: datetime) -> int | None:
        """Start it when it is time; the exit code of a run that has just ended, else None."""
        ended = self.ended(now)
        if now >= self.next:
            due, self.next = self.next, self._after(now)
            self._start(due, now)
        return ended

    def _after(self, now: datetime) -> datetime:
        schedule = self.task.schedule
        assert schedule is not None  # noqa: S101  # see above
        return schedule.next(now, self.task.zone)

    def _start(self, due: datetime, now: datetime) -> None:
        held = self._stamps.hold() if self.run is None else None
        if held is None:
            self._stamps.write(self._stamps.read().missing(due, "the run before it goes on"))
            say(f"{self.task.name}: the run of {text(due)} is left out: the one before it goes on")
            return
        self._held = held
        folder = self._settings.logs
        log = log_file(folder, self.task.name, now) if folder is not None else None
        say(f"{self.task.name}: run of {text(due)} starts{f', log {log}' if log else ''}")
        self._stamps.write(replace(self._stamps.read(), due=text(due), started=text(now), finished="", exit_code=None))
        self.run = Run(self.task.command, log=log)

    def let_go(self) -> None:
        """Give the right to run the task back."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def ended(self, now: datetime) -> int | None:
        """The exit code of a run that has just ended, else None."""
        code = self.run.poll() if self.run is not None else None
        if code is None:
            return None
        self.run = None
        self._stamps.write(replace(self._stamps.read(), finished=text(now), exit_code=code))
        self.let_go()
        if self._settings.logs is not None:
            forget_old_logs(self._settings.logs, self.task.name, self._settings.keep_logs)
        say(f"{self.task.name}: ended with exit code {code}; next run {text(self.next)}")
        return code


class Scheduler:
    """All tasks. Ends when asked to (SIGTERM, SIGINT), after handing the signal to what runs; or after enough runs."""

    def __init__(self, settings: Settings, heartbeat: Path | None = None) -> None:
        self._settings = settings
        self._heartbeat = heartbeat or health.heartbeat()
        self._asked: int | None = None
        now = datetime.now(UTC)
        self._tasks = [Planned(task, settings, now) for task in settings.tasks]

    def run(self) -> int:
        """Until the end; 0, or the first exit code of a task that was not 0 when the end came by MLOPS_MAX_RUNS."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)
        for one in self._tasks:
            say(f"{one.task.name}: next run {text(one.next)} ({one.task.zone.key})")
        ended, worst = 0, 0
        while self._asked is None and (self._settings.max_runs is None or ended < self._settings.max_runs):
            self._heartbeat.touch()
            for one in self._tasks:
                code = one.look(datetime.now(UTC))
                if code is not None:
                    ended += 1
                    worst = worst or code
            time.sleep(TICK)
        return self._end(worst)

    def _ask(self, number: int, _frame: object) -> None:
        self._asked = number
        for one in self._tasks:
            if one.run is not None:
                one.run.signal(number)

    def _end(self, worst: int) -> int:
        """Wait for what still runs: its exit code is ours."""
        self._heartbeat.unlink(missing_ok=True)
        running = [one for one in self._tasks if one.run is not None]
        if running:
            say("waiting for what still runs")
        for one in running:
            # A run that was being started when the signal came has not heard of it.
            if one.run is not None and not one.run.asked:
                one.run.signal(self._asked or signal.SIGTERM)
            while one.run is not None:
                worst = one.ended(datetime.now(UTC)) or worst
                time.sleep(TICK / 5)
        sys.stdout.flush()
        return worst
