"""What an engine is, what it is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mlops_ci.errors import InfrastructureError, MissingError


class EngineUnavailableError(MissingError):
    """The engine that was asked for cannot be used on this machine."""


class EngineDiedError(InfrastructureError):
    """The engine stopped answering while it ran a job."""


class EngineRefusedError(InfrastructureError):
    """The engine answered, and would not do what it was asked."""


class EnvironmentMissingError(MissingError):
    """The image or environment that the job is to run in does not exist, or has no Python."""


class FolderNotReadableError(MissingError):
    """A folder that the job needs is closed to the job's user."""


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A folder that the job sees under its name; in a container at `/mlops/NAME`."""

    name: str
    source: Path
    read_only: bool


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the job may use. None is no limit. `cpus` are cores, `pids` processes and threads, `gpus` whole devices."""

    cpus: float | None = None
    memory_bytes: int | None = None
    shm_bytes: int = 1 << 30
    pids: int = 4096
    gpus: int = 0


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job: the guest runs `task` in what `ref` names.

    `ref` is an image reference, or `env:/absolute/path` of a virtual environment for the host. `task` is the content of
    task.json without `paths`, which the engine adds from the mounts; a mount named `job` that can be written is needed.
    `environment` goes to the guest's environment only, so it may hold secrets. `deadline` is how many seconds after its
    start the job must have ended by itself; the engine then waits for the task's `grace` and ends it from outside.
    """

    run: str
    stage: str
    ref: str
    task: Mapping[str, Any]
    mounts: tuple[Mount, ...]
    limits: Limits = Limits()
    environment: Mapping[str, str] = field(default_factory=dict)
    network: bool = False
    deadline: float | None = None

    def folder(self, name: str) -> Path:
        """The source of the mount of that name; raises `KeyError`."""
        return {mount.name: mount.source for mount in self.mounts}[name]


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """How a job ended.

    `exit_code` is the guest's, 128 + signal when it was killed. `outcome` is what it wrote; where there is none, `lost`
    says why. `seconds` is the time from start to end, `gpus` the ids of the devices that the job had. `out_of_memory`:
    the kernel killed something of the job at its memory limit. `overdue`: the deadline passed and the engine ended it.
    """

    exit_code: int
    outcome: Mapping[str, Any] | None
    seconds: float
    gpus: tuple[str, ...] = ()
    lost: str | None = None
    out_of_memory: bool = False
    overdue: bool = False


class Person(Protocol):
    """Somebody at a terminal."""

    def fileno(self) -> int:
        """What to wait for until something is typed."""

    def typed(self) -> bytes:
        """What has been typed; nothing when the terminal is gone."""

    def size(self) -> tuple[int, int]:
        """Rows and columns of the terminal."""

    def show(self, data: bytes) -> None:
        """Output for the terminal, as the program wrote it."""


class Engine(Protocol):
    """Starts guests. One implementation per kind of place."""

    name: str
    isolation: str
    """In one line, for people: what it keeps a job from."""

    def available(self) -> str | None:
        """None when this engine can be used here, else the reason why not."""

    def run(self, job: Job, on_line: Callable[[str], None]) -> JobResult:
        """Run the job to its end; `on_line` gets each line of its output as it comes.

        Whatever ends this call (an interrupt too: the job is asked to stop and has its grace), nothing of the job is
        left running. Raises an error of `errors` when the job could not be started or the engine died.
        """

    def converse(self, job: Job, person: Person) -> JobResult:
        """Run a job of the kind `shell` with a person at its terminal; confined and ended exactly as `run` does it."""

    def gateway(self) -> str:
        """The address of this machine as jobs see it."""

    def sweep(self) -> int:
        """Remove what runs of ours that were killed left behind; how many things were removed."""
