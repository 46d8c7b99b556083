"""The folder `.mlops` beside the configuration: runs, caches, the embedded MLflow store, the local store, locks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.errors import InfrastructureError, MissingError
from mlops_ci.file_lock import FileLock, HeldByAnotherError

FOLDER = ".mlops"


class NotWritableError(MissingError):
    """We may not write where we must."""


class RunBusyError(InfrastructureError):
    """Another invocation is working in this directory."""


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Paths below `.mlops`; nothing is created before `prepare`."""

    root: Path

    @property
    def folder(self) -> Path:
        """`.mlops` itself."""
        return self.root / FOLDER

    @property
    def runs(self) -> Path:
        """One folder per run."""
        return self.folder / "runs"

    @property
    def cache(self) -> Path:
        """What can be made again: environments, data, the scanner's database (MLOPS_CI_CACHE: elsewhere)."""
        shared = os.environ.get("MLOPS_CI_CACHE")
        return Path(shared).absolute() if shared else self.folder / "cache"

    @property
    def mlflow(self) -> Path:
        """The embedded MLflow server's database and artifacts."""
        return self.folder / "mlflow"

    @property
    def store(self) -> Path:
        """The local object store."""
        return self.folder / "store"

    @property
    def locks(self) -> Path:
        """Lock files; a dead owner frees its lock."""
        return self.folder / "locks"

    def prepare(self) -> None:
        """Create the folder; git ignores all of it. Raises `NotWritableError`."""
        try:
            for folder in (self.runs, self.cache, self.locks):
                folder.mkdir(parents=True, exist_ok=True)
            ignore = self.folder / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")
        except OSError as error:
            raise NotWritableError(
                f"{self.folder} cannot be written: {error.strerror}",
                hint="give this user write permission there, or work in a copy of the repository",
            ) from error

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the directory for one invocation; raises `RunBusyError` at once when another has it."""
        path = self.locks / "run.lock"
        owner = self.locks / "run.owner"
        lock = FileLock(path)
        try:
            lock.acquire(wait=0)
        except HeldByAnotherError as error:
            who = owner.read_text().strip() if owner.exists() else "unknown"
            raise RunBusyError(
                f"another mlops-ci works in {self.root} (process {who})",
                hint="wait until it has ended, or use another checkout of the repository",
            ) from error
        try:
            owner.write_text(f"{os.getpid()}\n")
            yield
        finally:
            lock.release()
