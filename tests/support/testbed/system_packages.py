"""Which Debian packages the testbed lacks on this machine."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from . import apt
from .errors import BedError

# Daemons lie in the system folders, which the PATH of an ordinary account may lack.
SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
OLDEST_ENGINE = 23  # the first with BuildKit as its default builder
PLUGIN_FOLDERS = ("/usr/libexec/docker/cli-plugins", "/usr/lib/docker/cli-plugins", "/usr/local/lib/docker/cli-plugins")

DOCKER = {"iptables": "iptables", "ip": "iproute2", "mmdebstrap": "mmdebstrap"}
REGISTRY = {"docker-registry": "docker-registry", "skopeo": "skopeo", "cosign": "cosign"}
TOOLS = {"rsync": "rsync"}  # gitlab-ci-local copies the trees of its jobs with it

# Tools that check what is written here for others; they need no server.
CHECKS = {"promtool": "prometheus"}


def missing(components: frozenset[str]) -> tuple[str, ...]:
    """The packages to install before these components can start; empty when there is nothing to do."""
    return tuple(sorted(set(_missing(components))))


def _missing(components: frozenset[str]) -> Iterator[str]:
    if importlib.util.find_spec("ensurepip") is None:
        yield "python3-venv"
    commands = dict(CHECKS)
    if components & {"docker", "docker-containerd"}:
        commands |= DOCKER
        if not engine_is_recent():
            yield "docker.io"
        if buildx_plugin() is None:
            yield "docker-buildx"
        commands["docker"] = "docker-cli"
    if "registry" in components:
        commands |= REGISTRY
    if components & {"s3", "mlflow"}:
        commands |= TOOLS
    for command, package in commands.items():
        if find(command) is None:
            yield package


def find(name: str) -> str | None:
    """The path of a system command."""
    return shutil.which(name, path=SYSTEM_PATH)


def need(name: str) -> str:
    """The path of a system command; BedError when it is not installed."""
    path = find(name)
    if path is None:
        raise BedError(f"there is no `{name}` on this machine", hint="run `bin/testbed install`")
    return path


def engine_is_recent() -> bool:
    """Whether there is a dockerd that builds with BuildKit."""
    dockerd = find("dockerd")
    if dockerd is None:
        return False
    answer = subprocess.run([dockerd, "--version"], capture_output=True, text=True, check=False).stdout
    return (apt.major_version(answer) or 0) >= OLDEST_ENGINE


def buildx_plugin() -> Path | None:
    """Docker's buildx, wherever a package put it."""
    return next((path for folder in PLUGIN_FOLDERS if (path := Path(folder) / "docker-buildx").exists()), None)
