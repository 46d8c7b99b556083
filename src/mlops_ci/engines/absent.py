"""No container engine on this machine, and none needed: what is done here is done by a builder and in a registry.

Images are built, scanned and signed; a job that runs in one is for a machine that has an engine, or for a pod.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from mlops_ci.engines.base import EngineUnavailableError, Job, JobResult, Person


class AbsentDocker:
    """Stands where the Docker engine would: it runs nothing. `reason` is why there is none."""

    name = "docker"

    def __init__(self, *, reason: str) -> None:
        self._reason = reason
        self.isolation = "no container engine here: no job of yours runs on this machine"

    def available(self) -> str | None:
        """It is, for all that runs no job."""
        return None

    def run(self, job: Job, on_line: Callable[[str], None]) -> JobResult:  # noqa: ARG002  # it runs nothing
        """Raises `EngineUnavailableError`."""
        self.refuse(job.stage)

    def converse(self, job: Job, person: Person) -> JobResult:  # noqa: ARG002  # it runs nothing
        """Raises `EngineUnavailableError`."""
        self.refuse(job.stage)

    def gateway(self) -> str:
        """Nobody looks at this machine from a container."""
        return "127.0.0.1"

    def sweep(self) -> int:
        """Nothing of ours can have been left."""
        return 0

    def refuse(self, stage: str) -> NoReturn:
        """Raises `EngineUnavailableError`: what that stage does is no work for this machine."""
        raise EngineUnavailableError(
            f"{stage} runs in an image, and no container engine answers here: {self._reason}",
            hint="run it on a machine with an engine, or start a pod from the image and use --engine inside; what "
            "builds and scans images goes on without",
        )
