"""A task of kind `health`: all checks, the verdict, the outcome."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Sequence
from datetime import datetime, timezone

from mlops_ci.guest import environment, layout, outcome
from mlops_ci.guest.classify import Evidence, Verdict, classify
from mlops_ci.guest.health import rules
from mlops_ci.guest.health.active.costs import COSTS, NODE, applies
from mlops_ci.guest.health.check import Check, health_of, verdict_of
from mlops_ci.guest.health.crew import Child, Crew
from mlops_ci.guest.health.findings import Look, checks_of, devices_of
from mlops_ci.guest.health.host import check_host
from mlops_ci.guest.health.peers import against_peers
from mlops_ci.guest.health.request import Request
from mlops_ci.guest.health.variables import check_variables
from mlops_ci.guest.output.log import JobLog
from mlops_ci.guest.output.redact import Redactor
from mlops_ci.guest.processes.supervisor import Supervisor
from mlops_ci.guest.task import Task

BUDGET = 60.0
CANARY_GRACE = 1.0
DESTROY = 2.0
MARGIN = 1.0
RETRY = "gpu.leftover.retry"


class HealthJob:
    """Runs one task; `run` gives the exit code after the outcome was written."""

    def __init__(self, task: Task, leash: int | None) -> None:
        self.task = task
        self.supervisor = Supervisor(leash=leash, grace=min(task.grace, CANARY_GRACE))
        self.log = JobLog(task.paths.job / layout.LOG, self.supervisor.outlet, Redactor(()))
        self.budget = BUDGET if task.timeout is None else task.timeout
        self.level = rules.level_of(task.health, self.budget)
        self.over = time.monotonic() + self.budget

    def run(self) -> int:
        """Check, decide, write the outcome."""
        result = outcome.Outcome(run=self.task.run, stage=self.task.stage)
        tmpdir = environment.short_tmpdir(self.task)
        try:
            variables = environment.job_environment(self.task, os.environ, tmpdir)
            checks = check_host(self.task.expect, self.task.paths)
            checks += check_variables(variables, gpus=self.task.expect.gpus)
            checks += self._devices(variables, result)
        finally:
            self.supervisor.children.destroy(DESTROY)
        return self._finish(self._told(checks), result)

    def _devices(self, variables: dict[str, str], result: outcome.Outcome) -> list[Check]:
        gpus = self.task.expect.gpus
        # Torch's numbers are then those of the PCI bus, as the driver's are.
        crew = Crew(
            self.supervisor, {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", **variables}, str(self.task.paths.work), self.log
        )
        together = self._together()
        deadline = self.over - together
        survey = [_child("node", self.over, "node", str(gpus))] if gpus else []
        requests = [self._request(index, deadline) for index in range(max(1, gpus))]
        devices = [_child(one.device, deadline, "device", one.written()) for one in requests]
        crew.run([*survey, *devices])
        looks = [_look(child) for child in devices]
        whole = []
        sound = all("torch" in look.told.facts and not look.ending for look in looks)
        if together and sound and self.supervisor.stop is None:
            whole = [_child("node", self.over, "together", self._request(0, self.over).written())]
            crew.run(whole)
        result.devices, result.device_details = devices_of(looks)
        first, last = (next(map(_look, part), None) for part in (survey, whole))
        checks = checks_of(first, looks, last, self.task.expect)
        return [*checks, *against_peers(checks, self.task.health.limits)]

    def _request(self, index: int, deadline: float) -> Request:
        limits = {RETRY: min(10.0, self.budget / 6), **self.task.health.limits}
        return Request(
            index=index,
            gpus=self.task.expect.gpus,
            level=self.level,
            budget=max(0.0, deadline - time.monotonic() - MARGIN),
            only=self.task.health.only,
            limits=limits,
            chosen=self.task.health.level is not None,
        )

    def _together(self) -> float:
        """Seconds that are kept for the checks of all devices together."""
        gpus = self.task.expect.gpus
        wanted = [one for one in COSTS if NODE in one.needs and applies(one, gpus=gpus)]
        fitting = [one for one in wanted if one.level <= rules.SECONDS[self.level]]
        return sum(one.seconds if gpus else one.cpu_seconds for one in fitting) + 2 * MARGIN if fitting else 0.0

    def _told(self, checks: Sequence[Check]) -> list[Check]:
        utc = timezone.utc  # noqa: UP017  (datetime.UTC came with Python 3.11)
        gpus = 0 if self.supervisor.stop else self.task.expect.gpus
        return rules.told(checks, self.task.health, gpus=gpus, today=datetime.now(utc).date())

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


def _look(child: Child) -> Look:
    return Look(child.name, child.told, child.ending, child.delay)


def _child(name: str, deadline: float, kind: str, argument: str) -> Child:
    return Child(name=name, argv=layout.guest_argv("probe", kind, argument), deadline=deadline)
