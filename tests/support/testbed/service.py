"""What every service of the testbed has in common: start, wait until it answers, stop, clean up."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from . import processes
from .errors import BedError
from .state import ServiceRecord, State


@dataclasses.dataclass(frozen=True, kw_only=True)
class Launch:
    """How a service is started, and what its users need to know (`exports`: name to value)."""

    argv: tuple[str, ...]
    exports: Mapping[str, str]
    ports: tuple[int, ...] = ()
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    without: tuple[str, ...] = ()  # prefixes of the variables that the process must not inherit


class Service(abc.ABC):
    """A server process in a state directory. A service that runs already is left as it is."""

    name: ClassVar[str]
    ready_seconds: ClassVar[float] = 60
    stop_seconds: ClassVar[float] = 10

    def __init__(self, state: State) -> None:
        self.state = state

    @abc.abstractmethod
    def prepare(self) -> Launch:
        """Make its folder and files; gives how to start it."""

    @abc.abstractmethod
    def answers(self, record: ServiceRecord, /) -> bool:
        """Whether the started process serves its users."""

    def after_start(self, _: ServiceRecord, /) -> None:
        """What is to be done once it answers: nothing, for most."""
        return

    def clean(self) -> None:
        """Remove what the process leaves behind; also called before a start, after an unclean end."""
        return

    def running(self) -> ServiceRecord | None:
        """Its record while the process is alive."""
        record = self.state.read(self.name)
        return record if record and processes.is_alive(record.pid, record.started, record.boot) else None

    def start(self) -> ServiceRecord:
        """Start it and wait until it answers; BedError with the end of its log when it does not."""
        running = self.running()
        if running:
            return running
        self.stop()
        launch = self.prepare()
        log = self.state.log(self.name)
        log.write_bytes(b"")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(launch.without)}
        environment = {**inherited, **launch.environment}
        pid = processes.launch(launch.argv, log=log, environment=environment, cwd=self.state.root)
        started, boot = processes.identity(pid)
        record = ServiceRecord(
            name=self.name, pid=pid, started=started, boot=boot, ports=launch.ports, environment=launch.exports
        )
        self.state.write(record)
        try:
            self._wait(record, log)
            self.after_start(record)
        except BaseException:
            self.stop()
            raise
        return record

    def stop(self) -> None:
        """Stop it if it runs, and clean up after it either way."""
        record = self.state.read(self.name)
        if record:
            processes.stop(record.pid, record.started, record.boot, grace=self.stop_seconds)
        self.clean()
        self.state.forget(self.name)

    def _wait(self, record: ServiceRecord, log: Path) -> None:
        deadline = time.monotonic() + self.ready_seconds
        while not self.answers(record):
            alive = processes.is_alive(record.pid, record.started, record.boot)
            if not alive or time.monotonic() > deadline:
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
                what = f"did not answer within {self.ready_seconds:.0f} s" if alive else "ended while starting"
                raise BedError(f"{self.name} {what}; the end of {log}:\n{tail}")
            time.sleep(0.05)


@contextlib.contextmanager
def running(service: Service) -> Iterator[ServiceRecord]:
    """The service for the time of a `with` block."""
    record = service.start()
    try:
        yield record
    finally:
        service.stop()
