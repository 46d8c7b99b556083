"""The jobs of a CI system, derived from `pipeline.STAGES`: which stages share one, and what follows from that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

from mlops_ci import pipeline
from mlops_ci.pipeline import Runner, Secret, Stage

T = TypeVar("T")
# What plan spreads a job over, where it does: machines, or builds of PyTorch.
Fan = Literal["", "node", "variant"]

# Stages that share a job, under its name; every other stage is a job of its own name. `check` needs the image that
# `build` has just made. The node that was verified must be the node that trains. `result` also counts up the jobs.
SHARED: dict[str, tuple[str, ...]] = {
    "build": ("build", "check"),
    "train": ("verify", "train"),
    "result": ("report",),
}
# From the machine that costs nothing to the one that costs most: a job runs on the best that one of its stages needs.
CLASSES: tuple[Runner, ...] = ("plan", "cpu", "gpu")
# How long a job may take (minutes). The job that trains has no number of its own: its limit is an input.
MINUTES: dict[str, int] = {
    "plan": 15,
    "build": 90,
    "scan": 30,
    "prepare": 120,
    "evaluate": 120,
    "publish": 60,
    "promote": 30,
    "deploy": 60,
    "result": 15,
}


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job: the stages that it runs, in order, on one machine.

    `needs` are jobs of the same file. `permissions` maps a scope (`packages`) to `read` or `write`, beyond reading the
    repository. `retry` are the exit codes after which the CI system may try it again. `minutes` is None where the
    caller's `timeout` is the limit. `untrusted` jobs may run for code of a fork. An `always` job runs in any case.
    `target` is false for a job whose stages are not what the file is for: it is left out when the caller hands over
    a run in which they are done. `only_reads` is true where the job's identity is for reading the object store.
    `hands_on` is true where the run is handed on through that store: each job needs an identity there. A job
    `signs` is true where the job has an identity to sign images with. A job
    `beside` the others has a run of its own: it may fail, and neither its end nor its records count. `parts` are jobs
    that share this one, in order: each has its own step, with its own secrets. A job that `fans` runs once for each
    node (or build of PyTorch) that plan names, where the CI system can do that. `listed` is the job by whose name plan
    says that this one is to run, where it is another one. A job that `reports` writes the page when its stages have
    ended, and tells people: no job after it does.
    """

    name: str
    summary: str
    stages: tuple[str, ...]
    needs: tuple[str, ...]
    runner: Runner
    permissions: dict[str, str]
    secrets: tuple[Secret, ...]
    retry: tuple[int, ...]
    minutes: int | None
    untrusted: bool
    guarded: bool
    always: bool
    target: bool = True
    only_reads: bool = False
    hands_on: bool = False
    beside: bool = False
    fans: Fan = ""
    signs: bool = False
    parts: tuple[Job, ...] = ()
    listed: str = ""
    reports: bool = False

    @property
    def machine(self) -> str:
        """The name under which plan hands on the labels of its machine: whether evaluate has a GPU is a setting."""
        return "evaluate" if "evaluate" in self.stages and self.runner != "gpu" else self.runner

    @property
    def command(self) -> tuple[str, ...]:
        """What the job runs: these stages and nothing that they need, since earlier jobs have done that."""
        if self.beside:
            return ("mlops-ci", "nightly", *self.stages)
        return ("mlops-ci", "run", *self.stages, *(("report",) if self.reports else ()), "--only")

    @property
    def steps(self) -> tuple[Job, ...]:
        """The jobs that share this one, else itself: what it runs, one after the other."""
        return self.parts or (self,)

    def step_id(self, part: Job) -> str:
        """By what later steps know one of `steps`: the last one is that of every job."""
        return "stages" if part is self.steps[-1] else part.name


def job_of(stage: str) -> str:
    """The name of the job that runs a stage."""
    return next((name for name, stages in SHARED.items() if stage in stages), stage)


def jobs_of(stages: Iterable[str], *, targets: Iterable[str] | None = None) -> tuple[Job, ...]:
    """The jobs that run these stages, in pipeline order; `targets` are the stages that the file is for (all)."""
    wanted = tuple(name for name in pipeline.NAMES if name in set(stages))
    aims = set(wanted if targets is None else targets)
    names = _unique(job_of(name) for name in wanted)
    return tuple(_job(name, wanted, aims) for name in names)


def _job(name: str, wanted: tuple[str, ...], aims: set[str]) -> Job:
    stages = tuple(pipeline.stage(one) for one in wanted if job_of(one) == name)
    always = any(stage.always for stage in stages)
    before = wanted[: wanted.index(stages[0].name)]
    # What always runs counts up all that came before it, not only what its stages read.
    needed = before if always else _needed_in(stages, wanted)
    return Job(
        name=name,
        summary="; ".join(stage.summary for stage in stages),
        stages=tuple(stage.name for stage in stages),
        needs=_unique(job_of(one) for one in needed if job_of(one) != name),
        runner=max((stage.runner for stage in stages), key=CLASSES.index),
        permissions=_permissions(stages),
        secrets=_unique(secret for stage in stages for secret in stage.secrets),
        retry=tuple(sorted({code for stage in stages for code in stage.retry})),
        minutes=MINUTES.get(name),
        untrusted=all(stage.untrusted for stage in stages),
        guarded=any(stage.guarded for stage in stages),
        always=always,
        target=bool(aims & {stage.name for stage in stages}),
    )


def _needed_in(stages: tuple[Stage, ...], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The stages that these need: of those that are not part of the file, what these need in turn; plan for all."""
    found: set[str] = {"plan"} & set(wanted) - {stage.name for stage in stages}
    pending = [need for stage in stages for need in stage.needs]
    while pending:
        name = pending.pop()
        if name in wanted:
            found.add(name)
        else:
            pending.extend(pipeline.stage(name).needs)
    return tuple(name for name in wanted if name in found)


def _permissions(stages: tuple[Stage, ...]) -> dict[str, str]:
    """The union; `write` includes `read`."""
    found: dict[str, str] = {}
    for scope, _, access in (one.partition(": ") for stage in stages for one in stage.permissions):
        found[scope] = "write" if "write" in (access, found.get(scope)) else access
    return dict(sorted(found.items()))


def _unique(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))
