"""Jobs for tests of the engines: a script, the folders that it sees, and what the engine says of it."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_ci.console import Console
from mlops_ci.engines.base import Engine, Job, JobResult, Limits, Mount
from mlops_ci.engines.docker import DockerEngine
from mlops_ci.engines.host import HostEngine
from mlops_ci.engines.inside import InsideEngine

from .heard import Heard

ENGINES: dict[str, type[DockerEngine | HostEngine | InsideEngine]] = {
    "docker": DockerEngine,
    "host": HostEngine,
    "inside": InsideEngine,
}
FOLDERS = ("job", "work", "tmp", "data", "output")


@dataclass
class Place:
    """An engine and where its jobs run. `folder` holds the project and the job's folders."""

    name: str
    ref: str
    folder: Path
    heard: Heard = field(default_factory=Heard)
    lines: list[str] = field(default_factory=list)

    @property
    def project(self) -> Path:
        return self.folder / "project"

    def engine(self) -> Engine:
        return ENGINES[self.name](project=self.project, console=Console(sink=self.heard))

    def run(self, script: str, **options: Any) -> JobResult:
        """Run a script as the job; its lines are in `lines`."""
        return self.engine().run(self.job(script, **options), self.lines.append)

    def job(
        self,
        script: str,
        *,
        run: str = "run-1",
        grace: float = 3.0,
        timeout: float = 60.0,
        limits: Limits | None = None,
        environment: dict[str, str] | None = None,
        network: bool = False,
        deadline: float | None = None,
    ) -> Job:
        """A job that runs the script `job.py` in a fresh working folder."""
        for name in FOLDERS:
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "work" / "job.py").write_text(textwrap.dedent(script))
        task = {
            "schema": "mlops-ci/task/1",
            "run": run,
            "stage": "check",
            "kind": "command",
            "commands": [{"name": "script", "command": "python3 job.py"}],
            "timeout": timeout,
            "grace": grace,
        }
        return Job(
            run=run,
            stage="check",
            ref=self.ref,
            task=task,
            mounts=tuple(Mount(name=one, source=self.folder / one, read_only=one == "data") for one in FOLDERS),
            limits=limits or Limits(),
            environment=environment or {},
            network=network,
            deadline=deadline,
        )

    def said(self) -> list[str]:
        """The job's own lines, without the guest's."""
        return [line for line in self.lines if not line.startswith("mlops-ci:")]
