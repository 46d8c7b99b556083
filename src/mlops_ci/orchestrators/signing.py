"""Keyless signatures: the job that builds signs as itself, and those that run the image may have to ask who signed."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from mlops_ci.orchestrators.called import CalledFile
from mlops_ci.orchestrators.jobs import Job

# By what images are signed: a key that is a secret of the job that builds, or the identity of that job.
How = Literal["key", "keyless"]
HOWS: tuple[str, ...] = ("key", "keyless")
SIGNS = frozenset({"build", "deploy"})
# Stages that run something in the image.
IN_THE_IMAGE = frozenset({"check", "prepare", "verify", "train", "evaluate", "canary"})


def signing(file: CalledFile, how: How) -> CalledFile:
    """The file as a site signs images: with `keyless` a job that builds has an identity, and no key."""
    if how == "key":
        return file
    return replace(
        file, jobs=tuple(_keyless(job) if SIGNS & set(job.stages) and not job.beside else job for job in file.jobs)
    )


def needs_program(job: Job) -> bool:
    """Whether a job calls `cosign` where signatures are keyless."""
    return job.signs or bool(IN_THE_IMAGE & set(job.stages))


def _keyless(job: Job) -> Job:
    return replace(job, signs=True, secrets=tuple(one for one in job.secrets if one != "signing"))
