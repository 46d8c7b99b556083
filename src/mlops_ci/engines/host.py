"""Jobs in a virtual environment of this machine, where there is no container engine."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from mlops_ci.console import Console
from mlops_ci.engines.base import EnvironmentMissingError, Job, JobResult, Person
from mlops_ci.engines.environment import local_environment, search_path
from mlops_ci.engines.local import Place, converse_local, run_local, sweep_local
from mlops_ci.errors import UsageError

SCHEME = "env:"


class HostEngine:
    """Processes in a virtual environment. `project` is the folder that holds `.mlops`."""

    name = "host"
    isolation = "none: jobs are processes of this user, with its files and its network (the Docker engine isolates)"

    def __init__(self, *, project: Path, console: Console) -> None:
        self._project = project
        self._console = console

    def available(self) -> str | None:
        """None on Linux."""
        return None if sys.platform == "linux" else f"the host engine runs on Linux, and this is {sys.platform}"

    def gateway(self) -> str:
        """Jobs share this machine's network."""
        return "127.0.0.1"

    def run(self, job: Job, on_line: Callable[[str], None]) -> JobResult:
        """See `Engine.run`. The job gets a small environment."""
        return run_local(job, _place(job), on_line, project=self._project, say=self._console.say)

    def converse(self, job: Job, person: Person) -> JobResult:
        """See `Engine.converse`."""
        return converse_local(job, _place(job), person, project=self._project, say=self._console.say)

    def sweep(self) -> int:
        """End what dead runs left running."""
        return sweep_local()


def _place(job: Job) -> Place:
    folder = environment_folder(job.ref)

    def environment(marker: str, gpus: tuple[str, ...]) -> Mapping[str, str]:
        path = search_path(str(folder / "bin"))
        variables = local_environment(job, marker=marker, path=path, gpus=gpus, inherited=os.environ)
        return {**variables, "VIRTUAL_ENV": str(folder)}

    return Place(python=folder / "bin" / "python", environment=environment)


def environment_folder(ref: str) -> Path:
    """The virtual environment that `env:/path` names. Raises `EnvironmentMissingError` when it has no Python."""
    if not ref.startswith(SCHEME):
        raise UsageError(
            f"the host engine cannot run {ref!r}", hint="it runs virtual environments, written env:/absolute/path"
        )
    folder = Path(ref.removeprefix(SCHEME))
    if not os.access(folder / "bin" / "python", os.X_OK):
        raise EnvironmentMissingError(f"there is no Python environment in {folder}", hint="run `mlops-ci build`")
    return folder
