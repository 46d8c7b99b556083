"""Jobs in the image that we already are in: a Kubernetes pod, a CI job with a container of its own."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from mlops_ci.console import Console
from mlops_ci.engines.base import Job, JobResult, Person
from mlops_ci.engines.defaults import defaults
from mlops_ci.engines.environment import local_environment, search_path
from mlops_ci.engines.local import Place, converse_local, run_local, sweep_local
from mlops_ci.errors import UsageError

DIGEST_VARIABLE = "MLOPS_IMAGE_DIGEST"
DIGEST = re.compile(r"(?:^|@)(sha256:[0-9a-f]{64})$")


class WrongImageError(UsageError):
    """We are in another image than the one that the job is for."""


class InsideEngine:
    """Processes with the interpreter that runs us. `project` is the folder that holds `.mlops`."""

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
        """See `Engine.run`. Raises `WrongImageError` when MLOPS_IMAGE_DIGEST says that this is not the job's image."""
        return run_local(job, self._place(job), on_line, project=self._project, say=self._console.say)

    def converse(self, job: Job, person: Person) -> JobResult:
        """See `Engine.converse`."""
        return converse_local(job, self._place(job), person, project=self._project, say=self._console.say)

    def _place(self, job: Job) -> Place:
        doubt = check_image(job.ref, os.environ.get(DIGEST_VARIABLE))
        if doubt is not None:
            self._console.say(doubt)

        def environment(marker: str, gpus: tuple[str, ...]) -> Mapping[str, str]:
            path = search_path(str(Path(sys.executable).parent), os.environ.get("PATH"))
            prefixes = defaults().inside_passed_prefixes
            return local_environment(job, marker=marker, path=path, gpus=gpus, inherited=os.environ, prefixes=prefixes)

        return Place(python=Path(sys.executable), environment=environment)

    def sweep(self) -> int:
        """End what dead runs left running."""
        return sweep_local()


def check_image(ref: str, digest: str | None) -> str | None:
    """None when the image is the right one, else what could not be checked. Raises `WrongImageError` for another."""
    if not digest:
        return f"which image this is was not checked: {DIGEST_VARIABLE} is not set"
    wanted = DIGEST.search(ref)
    if wanted is None:
        return f"which image this is was not checked: {ref!r} names no digest to compare {DIGEST_VARIABLE} with"
    if wanted[1] != digest.rpartition("@")[2]:
        raise WrongImageError(
            f"the job is for the image {ref}, and this is {digest} ({DIGEST_VARIABLE})",
            hint="start the job in the image of this run's build record, by its digest",
        )
    return None
