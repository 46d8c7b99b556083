"""Sites whose vulnerability database asks for a login: a job of its own fetches it, and the scan needs no secret."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from mlops_ci.orchestrators.called import CalledFile
from mlops_ci.orchestrators.jobs import Job

# Who fetches the database: the job that scans, which has no login, or a job before it that may have one.
Database = Literal["scan", "job"]
DATABASES: tuple[str, ...] = ("scan", "job")
NAME = "database"
# By this the tool knows that the rendered file has this job.
VARIABLE = "MLOPS_CI_DATABASE"
FOLDER = ".mlops/database"
FETCH, TAKE = f"mlops-ci database fetch {FOLDER}", f"mlops-ci database take {FOLDER}"
MINUTES = 30
# At GitLab: the scope of the variables with the login.
ENVIRONMENT = "mlops-database"


def fetching(file: CalledFile, who: Database) -> CalledFile:
    """The file as a site has its database fetched; one that scans nothing needs none."""
    if who == "scan" or not any(takes(job) for job in file.jobs):
        return file
    before = tuple(job for job in file.jobs if job.name == "plan")
    own = _fetching() if before else replace(_fetching(), needs=(), untrusted=False)
    if before and not any(map(scans, file.jobs)):
        # Plan names it for the scan: here there is nothing to judge but an image that serves.
        own = replace(own, listed=next(job.name for job in file.jobs if takes(job)))
    others = (_waiting(job) for job in file.jobs if job not in before)
    return replace(file, jobs=(*before, own, *others))


def scans(job: Job) -> bool:
    """Whether the job judges what is in an image by the database."""
    return "scan" in job.stages and not job.beside


def takes(job: Job) -> bool:
    """Whether the job needs the database: it scans, or it judges the image that it has made to serve."""
    return scans(job) or "deploy" in job.stages


def is_fetched(file: CalledFile) -> bool:
    """Whether the file has the job."""
    return any(job.name == NAME for job in file.jobs)


def _waiting(job: Job) -> Job:
    return replace(job, needs=(*job.needs, NAME)) if takes(job) or job.always else job


def _fetching() -> Job:
    return Job(
        name=NAME,
        summary="fetch the vulnerability database, with a login if it asks for one, and hand it to the scan",
        stages=(),
        needs=("plan",),
        runner="cpu",
        permissions={},
        secrets=("database",),
        retry=(10,),
        minutes=MINUTES,
        # For code of a fork without the login: what is public can be had, and else the scan could not be made.
        untrusted=True,
        guarded=False,
        always=False,
    )
