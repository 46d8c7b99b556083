"""A site without a network: in one namespace with loopback alone, a Docker engine and an MLflow server of its own."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from . import isolated
from .fixtures_testbed import TESTBED
from .testbed import system_packages, tools
from .testbed.docker_engine import DockerEngine
from .testbed.mlflow_server import MlflowServer
from .testbed.service import Launch, running
from .testbed.state import ServiceRecord, State

# The address of the engine's bridge, of a range that is nobody's (RFC 5737).
GATEWAY = "192.0.2.1"
PORT = 25_000


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
        return Launch(argv=argv, environment={"PATH": system_packages.SYSTEM_PATH}, exports={"DOCKER_HOST": self.host})

    def after_start(self, _: ServiceRecord, /) -> None:
        """What it holds comes from an archive."""


class IsolatedMlflow(MlflowServer):
    """MLflow on the bridge's address, where containers reach it too."""

    def __init__(self, state: State, alone: Sequence[str]) -> None:
        super().__init__(state)
        self._alone = alone

    def prepare(self) -> Launch:
        """The testbed's own server, in the namespace."""
        one = super().prepare()
        flags = list(one.argv)
        flags[flags.index("--host") + 1] = GATEWAY
        flags[flags.index("--port") + 1] = str(PORT)
        return Launch(
            argv=(*self._alone, *flags),
            environment=one.environment,
            without=one.without,
            exports={"MLOPS_CI_TRACKING__URI": f"http://{GATEWAY}:{PORT}"},
        )

    def answers(self, _: ServiceRecord, /) -> bool:
        """Asked from inside: from here there is no way."""
        url = f"http://{GATEWAY}:{PORT}/api/2.0/mlflow/experiments/get?experiment_id=0"
        ask = f"import urllib.request; urllib.request.urlopen({url!r}, timeout=2)"
        asked = subprocess.run([*self._alone, sys.executable, "-c", ask], capture_output=True, check=False)
        return asked.returncode == 0


@dataclass(frozen=True)
class IsolatedSite:
    """`alone` begins a command line there; `environment` is what its machines have."""

    alone: tuple[str, ...]
    environment: dict[str, str]


@contextmanager
def site() -> Iterator[IsolatedSite]:
    """Such a site, for a `with` block."""
    # Where the machine's testbed is, an engine can work; a folder of pytest's has too long a name for sockets.
    root = State.default().folder(f"alone-{secrets.token_hex(3)}")
    state = State(root)
    try:
        with isolated.shared() as alone, ExitStack() as stack:
            engine = stack.enter_context(running(IsolatedEngine(state, alone)))
            mlflow = stack.enter_context(running(IsolatedMlflow(state, alone)))
            yield IsolatedSite(alone=alone, environment={**engine.environment, **mlflow.environment})
    finally:
        shutil.rmtree(root, ignore_errors=True)


def need_one() -> None:
    """Skip the test where this machine has not what such a site is made of."""
    isolated.alone()
    missing = [name for name in ("dockerd", "nsenter") if system_packages.find(name) is None]
    missing += [] if tools.find("mlflow") else ["mlflow"]
    if missing:
        pytest.skip(f"there is no {', '.join(missing)} here: {TESTBED}")
