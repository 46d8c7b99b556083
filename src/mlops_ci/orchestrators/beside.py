"""The job of a night's canary: a cell with another image or torch, after the last GPU second of the real one."""

from __future__ import annotations

from dataclasses import replace

from mlops_ci.orchestrators.jobs import Job

NAME = "canary"
# It waits until the night has trained and judged: a machine that there is once serves the night first.
NEEDS = ("plan", "evaluate")


def with_canary(jobs: tuple[Job, ...]) -> tuple[Job, ...]:
    """The jobs with the canary's before the last one, which waits for it and tells of it."""
    *work, last = jobs
    return (*work, _canary(), replace(last, needs=(*last.needs, NAME)))


def _canary() -> Job:
    return Job(
        name=NAME,
        summary="the cell of [nightly] canary: told beside the night, never published, and free to fail",
        stages=(NAME,),
        needs=NEEDS,
        runner="gpu",
        # An image that is not there yet is built here, and pushed as a build job would. The store is only read.
        permissions={"id-token": "write", "packages": "write"},
        secrets=("registry", "store", "tracking"),
        retry=(),
        minutes=None,
        untrusted=False,
        guarded=False,
        always=False,
        only_reads=True,
        beside=True,
    )
