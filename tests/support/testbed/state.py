"""The state directory of a testbed: what runs, on which ports, and who may change it now."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from .errors import BedError

DEFAULT_ROOT = "/var/lib/mlops-ci-testbed"
LOCK_SECONDS = 900


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServiceRecord:
    """One started service. `started` and `boot` tell its process from a later one with the same id."""

    name: str
    pid: int
    started: int
    boot: str
    ports: tuple[int, ...] = ()
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class State:
    """A state directory. Two testbeds with different directories do not disturb each other."""

    root: Path

    @classmethod
    def default(cls) -> State:
        """The directory named by MLOPS_CI_TESTBED, else the machine's."""
        return cls(Path(os.environ.get("MLOPS_CI_TESTBED") or DEFAULT_ROOT).absolute())

    def folder(self, name: str) -> Path:
        """A folder of this testbed, made when absent, readable by its owner only."""
        path = self.root / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def log(self, name: str) -> Path:
        """Where the service of this name writes."""
        return self.folder("logs") / f"{name}.log"

    def read(self, name: str) -> ServiceRecord | None:
        """The record of a service that was started and not stopped since; it may have died."""
        try:
            fields = json.loads(self._record(name).read_text())
        except FileNotFoundError:
            return None
        return ServiceRecord(**{**fields, "ports": tuple(fields["ports"])})

    def write(self, record: ServiceRecord) -> None:
        """Keep a record; it may hold the test server's own keys, hence the mode."""
        path = self._record(record.name)
        temporary = path.with_suffix(".new")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(dataclasses.asdict(record), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)

    def forget(self, name: str) -> None:
        """Drop the record of a stopped service."""
        self._record(name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Held while a testbed is installed, started or stopped."""
        with (self.folder("services") / ".lock").open("w") as file:
            deadline = time.monotonic() + LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise BedError(f"another testbed command has held {file.name} for {LOCK_SECONDS} s") from None
                    time.sleep(0.2)
            yield

    def _record(self, name: str) -> Path:
        return self.folder("services") / f"{name}.json"
