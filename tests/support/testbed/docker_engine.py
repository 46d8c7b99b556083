"""A Docker engine of the testbed's own: its data, sockets, network and configuration are apart from any other's."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path
from typing import ClassVar

from . import base_image, bridge, http_probe, mounts, processes, system_packages
from .errors import BedError
from .service import Launch, Service
from .state import ServiceRecord, State


class DockerEngine(Service):
    """`dockerd` with the classic image store (no attestations, no cache export, no `type=oci` output)."""

    name = "docker"
    stop_seconds = 30
    containerd_store: ClassVar[bool] = False
    host_variable: ClassVar[str] = "DOCKER_HOST"

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.folder = state.root / self.name
        self.socket = self.folder / "docker.sock"
        self.bridge = bridge.name_for(str(self.folder))

    @property
    def host(self) -> str:
        """What DOCKER_HOST is set to."""
        return f"unix://{self.socket}"

    def prepare(self) -> Launch:
        """Write the engine's whole configuration (the machine's own daemon.json is not read) and make its bridge."""
        dockerd = system_packages.need("dockerd")
        if not base_image.archive(self.state).exists():
            raise BedError("the base image has not been made", hint="run `bin/testbed install`")
        self.state.folder(self.name)
        gateway, pools = bridge.make(self.bridge)
        (self.folder / "daemon.json").write_text(
            json.dumps(
                {
                    "data-root": str(self.folder / "data"),
                    "exec-root": str(self.folder / "run"),
                    "pidfile": str(self.folder / "docker.pid"),
                    "hosts": [self.host],
                    "group": "root",
                    "bridge": self.bridge,
                    "default-address-pools": [{"base": str(pools), "size": 28}],
                    "features": {"containerd-snapshotter": self.containerd_store},
                    "shutdown-timeout": 5,
                },
                indent=2,
            )
        )
        return Launch(
            argv=(dockerd, "--config-file", str(self.folder / "daemon.json")),
            environment={"PATH": system_packages.SYSTEM_PATH},
            exports=self.exports(gateway),
        )

    def answers(self, _: ServiceRecord, /) -> bool:
        """Whether the engine answers on its socket."""
        return http_probe.status_over_socket(self.socket, "/_ping") == 200

    def after_start(self, _: ServiceRecord, /) -> None:
        """Bring in the base image."""
        base_image.load(self.state, system_packages.need("docker"), self.host)

    def clean(self) -> None:
        """End what an engine that was killed leaves: containerd, container shims, mounts, its bridge."""
        _kill_processes_of(self.folder / "run")
        mounts.release(self.folder)
        for name in ("docker.sock", "docker.pid"):
            (self.folder / name).unlink(missing_ok=True)
        bridge.remove(self.bridge)

    def exports(self, gateway: str) -> dict[str, str]:
        """What the engine's users need to know."""
        return {
            self.host_variable: self.host,
            "DOCKER_CONFIG": str(_client_configuration(self.state)),
            "MLOPS_CI_TEST_BASE_IMAGE": base_image.NAME,
            "MLOPS_CI_TEST_GATEWAY": gateway,
        }


class DockerEngineContainerdStore(DockerEngine):
    """`dockerd` with containerd's image store (attestations, registry cache, `type=oci`)."""

    name = "docker-containerd"
    containerd_store = True
    host_variable = "MLOPS_CI_TEST_DOCKER_HOST_CONTAINERD"

    def exports(self, _: str) -> dict[str, str]:
        """The second engine's socket; client configuration and base image are those of the first."""
        return {self.host_variable: self.host}


def _client_configuration(state: State) -> Path:
    """A client configuration of our own, in which any `docker` on PATH finds buildx, wherever it was built to look."""
    folder = state.folder("docker-config")
    plugin = system_packages.buildx_plugin()
    if plugin is not None:
        link = state.folder("docker-config/cli-plugins") / "docker-buildx"
        link.unlink(missing_ok=True)
        link.symlink_to(plugin)
    configuration = folder / "config.json"
    if not configuration.exists():
        configuration.write_text("{}\n")
    return folder


def _kill_processes_of(exec_root: Path) -> None:
    """containerd and its shims name the engine's own exec-root in their arguments; a container's first process is a
    shim's child, and goes first: its namespace ends with it, while a killed shim would leave it running."""
    for _ in range(50):
        left = processes.naming(f"{exec_root}/")
        if not left:
            return
        for pid in [*processes.children(left), *left]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
