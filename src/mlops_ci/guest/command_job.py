"""A task of kind `command`: the user's commands in order, the model that they leave, and why they ended."""

from __future__ import annotations

import errno
import json
import os
import shlex
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlops_ci.guest import checkpoints, environment, layout, model, notebook, outcome
from mlops_ci.guest.classify import Evidence, Verdict, classify
from mlops_ci.guest.commands import BadCommandError, notebook_call, placeholders, resolve, split, start_problem
from mlops_ci.guest.files import describe, read_json
from mlops_ci.guest.jobwatch import JobWatch
from mlops_ci.guest.output import causes
from mlops_ci.guest.output.log import JobLog
from mlops_ci.guest.output.printed import PatternError, PrintedMetrics
from mlops_ci.guest.output.redact import Redactor
from mlops_ci.guest.processes.supervisor import TIMEOUT, Ended, Supervisor, Watch
from mlops_ci.guest.ranks import evidence as rank_evidence
from mlops_ci.guest.ranks import plan
from mlops_ci.guest.ranks import words as rank_words
from mlops_ci.guest.sampling.reports import DriverReports
from mlops_ci.guest.sampling.sampler import Sampler
from mlops_ci.guest.spool import SpoolReader
from mlops_ci.guest.task import NamedCommand, Task
from mlops_ci.guest.weights import UNUSABLE

TAIL_LINES = 40
FULL_BYTES = 1024 * 1024
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class CommandJob:
    """Runs one task; `run` gives the exit code after the outcome was written."""

    def __init__(self, task: Task, leash: int | None) -> None:
        self.task = task
        self.outcome = outcome.Outcome(run=task.run, stage=task.stage)
        self.supervisor = Supervisor(leash=leash, grace=task.grace, stop_file=task.paths.job / layout.STOP)
        inherited = {**os.environ, **(task.environment or {})}
        self.redactor = Redactor(inherited[name] for name in task.secrets if inherited.get(name))
        self.log = JobLog(task.paths.job / layout.LOG, self.supervisor.outlet, self.redactor)
        self.sampler = Sampler(task.paths.job / layout.SYSTEM, task.sample_seconds)
        self.reports = DriverReports(task.expect.gpus)
        self.spool = SpoolReader(task.paths.job / layout.METRICS)
        self.bad_command: BadCommandError | None = None
        self.failed_code: int | None = None
        self.unsafe_model: str | None = None
        self.no_model: str | None = None
        self.disk_problem: str | None = None
        self._environment: dict[str, str] = {}
        self._deadline = None if task.timeout is None else time.monotonic() + task.timeout

    def run(self) -> int:
        """Run everything to its end."""
        tmpdir = environment.short_tmpdir(self.task)
        self._environment = environment.job_environment(self.task, os.environ, tmpdir)
        saved_before = _checkpoint_of(self.task.paths.checkpoints)
        files_before = model.stamps(self.task.paths.output)
        self.sampler.start()
        try:
            self._commands()
            if self._succeeded() and self.task.model is not None:
                self._model(self.task.model, files_before)
        finally:
            self.supervisor.children.destroy()
            self.sampler.stop()
        return self._finish(saved_before)

    def _succeeded(self) -> bool:
        return self.bad_command is None and not self.failed_code and self.supervisor.poll() is None

    def _look_at_metrics(self, *, final: bool = False) -> None:
        """Count what is in the file, piece by piece, and keep the newest values."""
        for _ in self.spool.all(final=final):
            pass

    def _commands(self) -> None:
        self._look_at_metrics()
        try:
            printed = PrintedMetrics(self.task.metrics or {}, self.spool.counts)
        except PatternError as error:
            self.bad_command = BadCommandError(str(error))
            return
        watch = JobWatch(
            log=self.log,
            printed=printed,
            spool=self.spool.path,
            sampler=self.sampler,
            deadline=self._deadline,
            # Only the first node hears rank 0; on the others silence is normal.
            stall=self.task.stall if self.task.launch.node == 0 else None,
            gpu_idle=self.task.gpu_idle,
            halt=self.task.paths.job / layout.HALT,
        )
        for command in self.task.commands:
            if self.supervisor.poll() is not None or self.failed_code or self.bad_command is not None:
                break
            self._command(command, watch)
        self.outcome.warnings.extend(one for one in (watch.problem, self.log.problem) if one)
        for name, count in printed.unreadable.items():
            self.outcome.warnings.append(f"metric {name}: {count} printed values are no numbers")

    def _command(self, command: NamedCommand, watch: JobWatch) -> None:
        folder = self.task.paths.work
        argv = [command.command]
        try:
            argv = split(command.command, placeholders(self.task))
            program = self._program(argv)
            self.log.say(f"{command.name}: {shlex.join(argv)}")
            if self.task.launch.world > 1:
                program = plan.command(self.task.launch, program, plan.prepare(self.task, program))
            ended = self.supervisor.run(program, environment=self._environment, folder=str(folder), watch=watch)
        except BadCommandError as error:
            self.bad_command = error
        except OSError as error:
            self.bad_command = start_problem(argv, error)
        else:
            self._ended(command, argv, ended)
        watch.command_ended()

    def _program(self, argv: list[str]) -> list[str]:
        """What is really started: a notebook has a runner, by the environment's own Python."""
        folder = self.task.paths.work
        if not argv[0].endswith(notebook.SUFFIX):
            return resolve(argv, self._environment, folder)
        source, parameters = notebook_call(argv, self.task)
        python, *_ = resolve(["python"], self._environment, folder)
        made = self.task.paths.output / source.name
        return [python, *layout.guest_argv("notebook", *notebook.arguments(source, made, parameters))[1:]]

    def _ended(self, command: NamedCommand, argv: list[str], ended: Ended) -> None:
        self.failed_code = ended.code
        self.outcome.commands.append(
            outcome.CommandResult(
                name=command.name,
                argv=[self.redactor.clean(one) for one in argv],
                exit_code=None if ended.code < 0 else ended.code,
                signal=-ended.code if ended.code < 0 else None,
                seconds=round(ended.seconds, 3),
            )
        )
        if ended.leftovers:
            names = self.redactor.clean("; ".join(ended.leftovers[:5]))
            self.outcome.warnings.append(
                f"{command.name} left {len(ended.leftovers)} processes running, ended: {names}"
            )

    def _model(self, allow_pickle: tuple[str, ...], before: model.Stamps) -> None:
        if self.task.paths.model is None:
            raise ValueError("the task demands a model but has no model folder")
        try:
            self.outcome.model, warnings = model.canonicalise(
                self.task.paths.output,
                self.task.paths.model,
                allow_pickle=allow_pickle,
                before=before,
                convert=self._convert,
            )
            self.outcome.warnings.extend(warnings)
        except model.UnsafeModelError as error:
            self.unsafe_model = str(error)
        except model.NoModelError as error:
            self.no_model = str(error)
        except OSError as error:
            if error.errno not in FULL:
                raise
            self.disk_problem = f"the model could not be copied: {error.strerror}"

    def _convert(self, source: Path, target: Path) -> Mapping[str, Any]:
        lines = _Lines(self._deadline)
        ended = self.supervisor.run(
            layout.guest_argv("convert", str(source), str(target)),
            environment=self._environment,
            folder=str(self.task.paths.work),
            watch=lines,
        )
        try:
            return dict(json.loads(lines.text.strip().splitlines()[-1]))
        except (ValueError, IndexError):
            reason = (
                causes.exception_of(lines.text.splitlines(), str(layout.root()))
                or f"reading it ended with {ended.code}"
            )
            return {"result": UNUSABLE, "reason": reason, "notes": []}

    def _finish(self, saved_before: Mapping[str, Any] | None) -> int:
        self._look_at_metrics(final=True)
        saved = _checkpoint_of(self.task.paths.checkpoints)
        result = self.outcome
        result.metrics, result.metric_points = self.spool.latest_finite, self.spool.points
        result.checkpoint, result.usage = saved, self.sampler.usage()
        result.devices, result.device_details = self.sampler.devices(self.task.expect.gpus)
        warnings = [self.spool.warning(), self.sampler.device_warning(self.task.expect.gpus)]
        result.warnings.extend(one for one in warnings if one)
        self._resumed()
        result.tail = list(self.log.tail)[-TAIL_LINES:]
        verdict = self._judged(self._evidence(saved_before, saved))
        if verdict.exit_code == 0:
            result.tail = []
        else:
            self.log.say(f"{verdict.name}: {verdict.cause}")
        code = outcome.finish(self.task.paths.job, result, verdict)
        self.log.close()
        self.supervisor.close()
        return code

    def _resumed(self) -> None:
        try:
            note = read_json(self.task.paths.job / layout.RESUMED)
            self.outcome.resumed_from_step = note["step"]
            self.outcome.warnings.extend(map(str, note["warnings"]))
        except (OSError, ValueError, KeyError, TypeError):
            return

    def _evidence(self, before: Mapping[str, Any] | None, saved: Mapping[str, Any] | None) -> Evidence:
        tail = list(self.log.tail)
        return Evidence(
            code=self.failed_code,
            command=self.redactor.clean(self.task.commands[-1].command if self.task.commands else ""),
            stop=self.supervisor.stop,
            checkpoint_saved=saved is not None and saved != before,
            resumed=self.outcome.resumed_from_step is not None,
            tail=tail,
            exception=causes.exception_of(tail, str(self.task.paths.work)),
            last_line=causes.last_line(tail),
            oom_kills=self.sampler.oom_kills(),
            memory_limit_bytes=self.sampler.memory_limit_bytes,
            full_folder=self._full_folder(),
            disk_problem=self.disk_problem,
            non_finite=self.spool.non_finite,
            bad_command=None if self.bad_command is None else str(self.bad_command),
            unsafe_model=self.unsafe_model,
            no_model=self.no_model,
            timeout=self.task.timeout,
            stall=self.task.stall,
            gpu_idle=self.task.gpu_idle,
            xids=self.reports.new(),
            lost_gpus=self.sampler.lost_gpus(),
        )

    def _judged(self, evidence: Evidence) -> Verdict:
        first = None
        if self.task.launch.world > 1 and self.outcome.commands:
            words = rank_words.read(plan.folder(self.task), self.task.launch)
            self.outcome.ranks = list(rank_evidence.rows(words, self.redactor.clean))
            evidence, first = rank_evidence.deciding(evidence, words, str(self.task.paths.work))
        verdict = classify(evidence)
        if first is not None:
            verdict = replace(verdict, cause=f"rank {first.rank}: {verdict.cause}")
            self._show(first)
        if verdict.name == "bad-command" and self.bad_command is not None:
            return Verdict(verdict.name, verdict.exit_code, verdict.cause, self.bad_command.hint)
        return verdict

    def _show(self, first: rank_words.Word) -> None:
        """The last lines of the process that failed first: only the first process of a node was shown so far."""
        self.outcome.tail = list(first.tail)[-TAIL_LINES:]
        self.log.say(f"rank {first.rank} failed first; its last lines:")
        for line in self.outcome.tail[-rank_words.SHOWN_LINES :]:
            self.log.say(f"rank {first.rank}: {line}")

    def _full_folder(self) -> str | None:
        paths = self.task.paths
        for folder in (paths.output, paths.checkpoints, paths.work, paths.tmp, paths.model):
            if folder is not None and _free_bytes(folder) < FULL_BYTES:
                return str(folder)
        return None


class _Lines(Watch):
    def __init__(self, deadline: float | None) -> None:
        self.text = ""
        self._deadline = deadline

    def received(self, data: bytes) -> None:
        self.text = (self.text + data.decode("utf-8", "replace"))[-65536:]

    def tick(self, now: float) -> str | None:
        return TIMEOUT if self._deadline is not None and now > self._deadline else None


def _free_bytes(folder: Path) -> int:
    try:
        stat = os.statvfs(folder)
    except OSError:
        return FULL_BYTES
    return stat.f_bavail * stat.f_frsize if stat.f_files == 0 or stat.f_favail > 0 else 0


def _checkpoint_of(folder: Path | None) -> dict[str, Any] | None:
    """The newest checkpoint: what `latest.json` says, else the newest file that the script left there itself."""
    if folder is None:
        return None
    known = checkpoints.entries(folder)
    if known:
        return {"path": known[0].path, "step": known[0].step, "sha256": known[0].sha256, "bytes": known[0].bytes}
    try:
        files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
        newest = max(files, key=lambda path: path.stat().st_mtime_ns, default=None)
        return None if newest is None else {"step": None, **describe(newest, folder)}
    except OSError:
        return None
