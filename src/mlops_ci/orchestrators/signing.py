"""Keyless signatures: the jobs that build and publish sign as themselves, and others may have to ask who signed."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from mlops_ci.orchestrators.called import CalledFile
from mlops_ci.orchestrators.jobs import Job

# By what is signed: a key that is a secret of the jobs that build, publish and deploy, or the identity of those jobs.
How = Literal["key", "keyless"]
HOWS: tuple[str, ...] = ("key", "keyless")
SIGNS = frozenset({"build", "publish", "deploy"})
# Stages that run something in the image, and those that may have to ask whose a signature is.
IN_THE_IMAGE = frozenset({"check", "prepare", "verify", "train", "evaluate", "canary"})
ASKS = IN_THE_IMAGE | {"promote"}


def signing(file: CalledFile, how: How) -> CalledFile:
    """The file as a site signs: with `keyless` the jobs that sign have an identity, and no key."""
    if how == "key":
        return file
    return replace(
        file, jobs=tuple(_keyless(job) if SIGNS & set(job.stages) and not job.beside else job for job in file.jobs)
    )


def needs_program(job: Job) -> bool:
    """Whether a job calls `cosign` where signatures are keyless."""
    return job.signs or bool(ASKS & set(job.stages))


def _keyless(job: Job) -> Job:
    return replace(job, signs=True, secrets=tuple(one for one in job.secrets if one != "signing"))
