"""Sites without a registry: all that needs the images shares the GPU job, so that none travels between machines."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace

from mlops_ci.orchestrators import database_job
from mlops_ci.orchestrators.called import CalledFile, Images, called_files
from mlops_ci.orchestrators.database_job import Database, fetching
from mlops_ci.orchestrators.jobs import Job, jobs_of
from mlops_ci.orchestrators.signing import IN_THE_IMAGE

ONE_JOB: Images = "one-job"
IMAGES: tuple[str, ...] = ("registry", ONE_JOB)
# By this the tool knows which jobs the rendered file has.
VARIABLE = "MLOPS_CI_IMAGES"
# What makes the images and what judges them before anything is trained in them.
BEFORE = frozenset({"build", "scan"})


def together(file: CalledFile, images: Images) -> CalledFile:
    """The file as a site gets its images to the jobs; one without a GPU job has none that could share it.

    The job that trains keeps its name: who requires it, tries it again or reads its records finds it.
    """
    shared = [job for job in file.jobs if not job.beside and (BEFORE | IN_THE_IMAGE) & set(job.stages)]
    file = replace(file, images=images)
    if images != ONE_JOB:
        return file
    if not any(job.runner == "gpu" for job in shared):
        return file if shared else replace(file, jobs=tuple(map(_pulling, file.jobs)))
    one = _one(shared)
    names = {job.name for job in shared}
    jobs = [one if job.name == one.name else job for job in file.jobs if job.name not in names - {one.name}]
    return replace(file, jobs=tuple(_needing(_pulling(job), names, one.name) for job in jobs))


def shares(file: CalledFile) -> bool:
    """Whether jobs of the file were put together."""
    return any(job.parts for job in file.jobs)


def files_of(environ: Mapping[str, str] = os.environ) -> tuple[CalledFile, ...]:
    """All files that users call, with the jobs that the rendered file has which this process is called by."""
    images: Images = ONE_JOB if environ.get(VARIABLE) == ONE_JOB else "registry"
    database: Database = "job" if environ.get(database_job.VARIABLE) == "job" else "scan"
    return tuple(together(fetching(file, database), images) for file in called_files())


def before(stages: Iterable[str], images: Images) -> tuple[Job, ...]:
    """The jobs of another file that have done these stages."""
    jobs = jobs_of(stages)
    if images != ONE_JOB:
        return jobs
    return tuple(job for job in jobs if job.runner == "gpu" or not (BEFORE | IN_THE_IMAGE) & set(job.stages))


def _one(shared: list[Job]) -> Job:
    (gpu,) = (job for job in shared if job.runner == "gpu")
    scopes = [scope for job in shared for scope in job.permissions.items()]
    stages = tuple(stage for job in shared for stage in job.stages)
    return replace(
        gpu,
        summary=f"build the images, and do all that is done in them: {', '.join(stages)}",
        stages=stages,
        needs=tuple(dict.fromkeys(need for job in shared for need in job.needs)),
        permissions=dict(sorted(scopes, key=lambda one: (one[0], one[1] == "write"))),
        secrets=tuple(dict.fromkeys(secret for job in shared for secret in job.secrets)),
        retry=tuple(sorted({code for job in shared for code in job.retry})),
        target=any(job.target for job in shared),
        hands_on=any(job.hands_on for job in shared),
        signs=any(job.signs for job in shared),
        parts=tuple(shared),
    )


def _pulling(job: Job) -> Job:
    """No image is pushed anywhere: a token that may look at those that a base image comes from is enough."""
    scopes = {scope: "read" if scope == "packages" else access for scope, access in job.permissions.items()}
    return replace(job, permissions=scopes)


def _needing(job: Job, names: set[str], one: str) -> Job:
    needs = dict.fromkeys(one if need in names else need for need in job.needs)
    return replace(job, needs=tuple(need for need in needs if need != job.name))
