"""Containers that a test starts, talks to from outside, and removes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

Docker = Callable[..., str]
# As the pipeline starts jobs, and with a uid that nobody has made.
LOCKED_DOWN = (
    *("--read-only", "--tmpfs", "/tmp:rw,exec,nosuid,nodev,mode=1777", "--user", "4321:4321"),
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
)


@dataclass(frozen=True)
class Container:
    """One that runs in the background."""

    docker: Docker
    id: str

    @property
    def facts(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.docker("inspect", self.id))[0]
        return found

    @property
    def address(self) -> str:
        """Where it is on the engine's bridge."""
        return str(self.facts["NetworkSettings"]["IPAddress"])

    def logs(self) -> str:
        return self.docker("logs", self.id)

    def run(self, *command: str) -> str:
        """What a command inside says."""
        return self.docker("exec", self.id, *command)

    def until(self, done: Callable[[], bool], seconds: float = 180.0) -> None:
        """Wait; the test fails with the container's own words when it takes too long or ends."""
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, self.logs()
            assert self.facts["State"]["Running"], self.logs()
            time.sleep(0.3)


@contextmanager
def container(docker: Docker, image: str, *command: str, options: tuple[str, ...] = ()) -> Iterator[Container]:
    """A container in the background, gone with its volumes in the end."""
    started = docker("run", "--detach", *options, image, *command).strip().splitlines()[-1]
    try:
        yield Container(docker, started)
    finally:
        docker("rm", "--force", "--volumes", started)
