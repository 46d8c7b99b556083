"""What comes after a promotion that waits: a person lets it through, and what was approved is deployed.

None of these jobs is counted: the page of the run, by which a person decides, does not wait for that person.
"""

from __future__ import annotations

from dataclasses import replace

from mlops_ci.orchestrators.called import CalledFile
from mlops_ci.orchestrators.database_job import NAME as DATABASE
from mlops_ci.orchestrators.jobs import Job
from mlops_ci.pipeline import Secret

APPROVE, DEPLOY = "approve", "deploy-approved"
# The last job has told that a person is waited for: who has heard that hears what became of it, and only once.
TO_TELL: tuple[Secret, ...] = ("store", "channels")


def approving(file: CalledFile) -> Job | None:
    """The job that a person lets through; it may do what promote may, and tell people."""
    promote = next((job for job in file.jobs if "promote" in job.stages), None)
    if promote is None:
        return None
    summary = "note the approval and move the champion alias"
    return replace(
        promote,
        name=APPROVE,
        summary=summary,
        needs=("plan", promote.name),
        secrets=tuple(dict.fromkeys((*promote.secrets, *TO_TELL))),
        reports=True,
    )


def deploying(file: CalledFile) -> Job | None:
    """The job that deploys what was approved; it waits for the same environment as deploy, and may do what that may,
    and tell people.
    """
    deploy = next((job for job in file.jobs if "deploy" in job.stages), None)
    if deploy is None or approving(file) is None:
        return None
    needs = ("plan", APPROVE, *(one for one in deploy.needs if one == DATABASE))
    summary = "build, scan and smoke-test an image that serves what a person has approved"
    return replace(
        deploy,
        name=DEPLOY,
        summary=summary,
        needs=needs,
        listed=deploy.name,
        secrets=tuple(dict.fromkeys((*deploy.secrets, *TO_TELL))),
        reports=True,
    )


def after_approval(file: CalledFile) -> tuple[Job, ...]:
    """Both, in their order."""
    return tuple(job for job in (approving(file), deploying(file)) if job is not None)
