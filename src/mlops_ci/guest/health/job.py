"""A task of kind `health`: all checks, the verdict, the outcome."""

from __future__ import annotations

import os
import resource
import signal
import time

from mlops_ci.guest import environment, layout, outcome
from mlops_ci.guest.classify import Evidence, Verdict, classify
from mlops_ci.guest.health.check import Check, health_of, verdict_of
from mlops_ci.guest.health.findings import checks_of, devices_of, read
from mlops_ci.guest.health.host import check_host
from mlops_ci.guest.health.variables import check_variables
from mlops_ci.guest.output.lines import Line, LineSplitter
from mlops_ci.guest.output.log import JobLog
from mlops_ci.guest.output.redact import Redactor
from mlops_ci.guest.processes.supervisor import TIMEOUT, Supervisor, Watch
from mlops_ci.guest.task import Task

BUDGET = 60.0
CANARY_GRACE = 1.0


class HealthJob:
    """Runs one task; `run` gives the exit code after the outcome was written."""

    def __init__(self, task: Task, leash: int | None) -> None:
        self.task = task
        self.supervisor = Supervisor(leash=leash, grace=min(task.grace, CANARY_GRACE))
        self.log = JobLog(task.paths.job / layout.LOG, self.supervisor.outlet, Redactor(()))
        self.budget = BUDGET if task.timeout is None else task.timeout

    def run(self) -> int:
        """Check, decide, write the outcome."""
        result = outcome.Outcome(run=self.task.run, stage=self.task.stage)
        tmpdir = environment.short_tmpdir(self.task)
        try:
            variables = environment.job_environment(self.task, os.environ, tmpdir)
            checks = check_host(self.task.expect, self.task.paths)
            checks += check_variables(variables, gpus=self.task.expect.gpus)
            watch = _Canary(self.log, time.monotonic() + self.budget)
            checks += self._devices(variables, watch, result)
        finally:
            self.supervisor.children.destroy()
        return self._finish(checks, result)

    def _devices(self, variables: dict[str, str], watch: _Canary, result: outcome.Outcome) -> list[Check]:
        expect = self.task.expect
        argv = layout.guest_argv("probe", str(expect.gpus))
        ended = self.supervisor.run(argv, environment=variables, folder=str(self.task.paths.work), watch=watch)
        watch.splitter.close()
        ending = f"ended with exit code {ended.code}"
        if ended.code < 0:
            ending = f"crashed with {signal.Signals(-ended.code).name}"
        if self.supervisor.stop == TIMEOUT:
            ending = f"was still busy after {self.budget:g} s"
            self.supervisor.stop = None
        found = read(watch.marked, ended.code)
        result.devices, result.device_details = devices_of(found)
        return checks_of(found, expect, ending=ending)

    def _finish(self, checks: list[Check], result: outcome.Outcome) -> int:
        result.checks = [check.as_json() for check in checks]
        self.supervisor.poll()
        result.verdict = None if self.supervisor.stop else health_of(checks, gpus=self.task.expect.gpus)
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = round(spent.ru_utime + spent.ru_stime, 3)
        result.usage = {"cpu_seconds": seconds, "peak_memory_bytes": spent.ru_maxrss * 1024}
        verdict = self._verdict(checks)
        for check in checks:
            self.log.say(f"{check.status:5} {check.id} {check.cause}".rstrip())
        self.log.say(f"verdict: {result.verdict or verdict.name}")
        code = outcome.finish(self.task.paths.job, result, verdict)
        self.log.close()
        self.supervisor.close()
        return code

    def _verdict(self, checks: list[Check]) -> Verdict:
        if self.supervisor.stop is not None:
            return classify(Evidence(code=None, stop=self.supervisor.stop))
        return verdict_of(checks)


class _Canary(Watch):
    def __init__(self, log: JobLog, deadline: float) -> None:
        self.marked: list[str] = []
        self.splitter = LineSplitter(self._line)
        self._log = log
        self._deadline = deadline

    def received(self, data: bytes) -> None:
        self.splitter.feed(data)

    def tick(self, now: float) -> str | None:
        return TIMEOUT if now > self._deadline else None

    def _line(self, line: Line) -> None:
        text = line.text.decode("utf-8", "replace")
        if text.startswith("MLOPS-PROBE "):
            self.marked.append(text)
        elif text:
            self._log.line(line)
