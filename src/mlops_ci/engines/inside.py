"""Jobs in the image that we already are in: a Kubernetes pod, a CI job with a container of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from mlops_ci.console import Console
from mlops_ci.engines.base import Job, JobResult, Person
from mlops_ci.engines.defaults import defaults
from mlops_ci.engines.environment import local_environment, search_path
from mlops_ci.engines.inside_image import DIGEST, DIGEST_VARIABLE, interpreter, told_digest, without_ours
from mlops_ci.engines.local import Place, converse_local, run_local, sweep_local
from mlops_ci.errors import UsageError

PYTHONPATH = "PYTHONPATH"


class WrongImageError(UsageError):
    """We are in another image than the one that the job is for."""


class InsideEngine:
    """Processes with the first Python on PATH, the image's own. `project` is the folder that holds `.mlops`."""

    name = "inside"
    isolation = "that of the container around us: jobs are processes in it"

    def __init__(self, *, project: Path, console: Console) -> None:
        self._project = project
        self._console = console

    def available(self) -> str | None:
        """None on Linux."""
        return None if sys.platform == "linux" else f"the inside engine runs on Linux, and this is {sys.platform}"

    def gateway(self) -> str:
        """Jobs share this container's network."""
        return "127.0.0.1"

    def run(self, job: Job, on_line: Callable[[str], None]) -> JobResult:
        """See `Engine.run`. Raises `WrongImageError` when this job was told that it is not in the job's image."""
        return run_local(job, self._place(job), on_line, project=self._project, say=self._console.say)

    def converse(self, job: Job, person: Person) -> JobResult:
        """See `Engine.converse`."""
        return converse_local(job, self._place(job), person, project=self._project, say=self._console.say)

    def _place(self, job: Job) -> Place:
        doubt = check_image(job.ref, told_digest(os.environ))
        if doubt is not None:
            self._console.say(doubt)
        python = interpreter()

        def environment(marker: str, gpus: tuple[str, ...]) -> Mapping[str, str]:
            path = search_path(str(python.parent), os.environ.get("PATH"))
            prefixes = defaults().inside_passed_prefixes
            found = local_environment(job, marker=marker, path=path, gpus=gpus, inherited=os.environ, prefixes=prefixes)
            return {**found, PYTHONPATH: without_ours(found[PYTHONPATH])} if PYTHONPATH in found else found

        return Place(python=python, environment=environment)

    def sweep(self) -> int:
        """End what dead runs left running."""
        return sweep_local()


def check_image(ref: str, digest: str) -> str | None:
    """None when the image is the right one, else what could not be checked. Raises `WrongImageError` for another."""
    if not digest:
        return f"which image this is was not checked: {DIGEST_VARIABLE} is not set, and the job's image has no digest"
    wanted = DIGEST.search(ref)
    if wanted is None:
        return f"which image this is was not checked: {ref!r} names no digest to compare {DIGEST_VARIABLE} with"
    if wanted[1] != digest:
        raise WrongImageError(
            f"the job is for the image {ref}, and this is {digest} ({DIGEST_VARIABLE})",
            hint="start the job in the image of this run's build record, by its digest",
        )
    return None
