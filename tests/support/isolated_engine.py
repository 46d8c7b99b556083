"""A site without a network: one namespace that has loopback alone, and a Docker engine of its own in it."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from . import isolated
from .fixtures_testbed import TESTBED
from .testbed import system_packages
from .testbed.docker_engine import DockerEngine
from .testbed.service import Launch, running
from .testbed.state import ServiceRecord, State

# The address of the engine's bridge, of a range that is nobody's (RFC 5737).
GATEWAY = "192.0.2.1"


class IsolatedEngine(DockerEngine):
    """An engine whose containers reach each other and its host, and nothing else; it begins without any image."""

    def __init__(self, state: State, alone: Sequence[str]) -> None:
        super().__init__(state)
        self._alone = alone

    def prepare(self) -> Launch:
        """Its whole configuration; the bridge is its own to make: there is no other engine in the namespace."""
        self.state.folder(self.name)
        file = self.folder / "daemon.json"
        configuration = {
            "data-root": str(self.folder / "data"),
            "exec-root": str(self.folder / "run"),
            "pidfile": str(self.folder / "docker.pid"),
            "hosts": [self.host],
            "group": "root",
            "bip": f"{GATEWAY}/24",
            "shutdown-timeout": 5,
        }
        file.write_text(json.dumps(configuration))
        argv = (*self._alone, system_packages.need("dockerd"), "--config-file", str(file))
        return Launch(argv=argv, environment={"PATH": system_packages.SYSTEM_PATH}, exports=self.exports(GATEWAY))

    def after_start(self, _: ServiceRecord, /) -> None:
        """What it holds comes from an archive."""


@dataclass(frozen=True)
class IsolatedSite:
    """`alone` begins a command line there; `docker_host` is its engine's."""

    alone: tuple[str, ...]
    docker_host: str


@contextmanager
def site() -> Iterator[IsolatedSite]:
    """Such a site, for a `with` block."""
    # Where the machine's testbed is, an engine can work; a folder of pytest's has too long a name for sockets.
    root = State.default().folder(f"alone-{secrets.token_hex(3)}")
    try:
        with isolated.shared() as alone, running(IsolatedEngine(State(root), alone)) as engine:
            yield IsolatedSite(alone=alone, docker_host=engine.environment["DOCKER_HOST"])
    finally:
        shutil.rmtree(root, ignore_errors=True)


def need_one() -> None:
    """Skip the test where this machine has not what such a site is made of."""
    isolated.alone()
    missing = [name for name in ("dockerd", "nsenter") if system_packages.find(name) is None]
    if missing:
        pytest.skip(f"there is no {', '.join(missing)} here: {TESTBED}")
