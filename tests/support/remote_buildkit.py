"""The BuildKit inside a Docker engine as one that stands alone: what buildx's driver `remote` is given an address of.

The engine has the whole of BuildKit's interface behind `POST /grpc`; in front of it stands a socket that asks for that
and passes the rest on, so that buildx knows nothing of an engine.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from .cut_socket import CutSocket

# The address of a BuildKit that really stands alone, to be taken in place of the engine's.
VARIABLE = "MLOPS_CI_TEST_BUILDKIT"
ASK = b"POST /grpc HTTP/1.1\r\nHost: buildkit\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


class BuildkitSocket(CutSocket):
    """Speaks to the engine's BuildKit alone."""

    def _reach(self, target: str) -> socket.socket:
        server = super()._reach(target)
        server.sendall(ASK)
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += server.recv(1)
        return server


def lone_project(*, builder: str, registry: str, base: str, mirror: str) -> str:
    """The mlops.toml of a site without a container engine; `mirror` is where its base image is to be had."""
    return f"""[project]
name = "lone"
[image]
layer = "python"
variant = "cpu"
builder = "{builder}"
registry = "{registry}"
[mirrors]
images = {{"{base}" = "{mirror}"}}
[train]
command = "python train.py"
"""


@contextmanager
def remote_builder(path: Path, docker_host: str) -> Iterator[str]:
    """The name of a builder of the driver `remote`, whose socket is at `path`."""
    with (
        closing(BuildkitSocket(path, docker_host.removeprefix("unix://"))),
        made_builder("--driver", "remote", os.environ.get(VARIABLE) or f"unix://{path}") as name,
    ):
        yield name


@contextmanager
def made_builder(*words: str) -> Iterator[str]:
    """The name of a builder that `docker buildx create` makes with these words."""
    name = f"mlops-ci-tests-{secrets.token_hex(4)}"
    _buildx("create", "--name", name, *words)
    try:
        yield name
    finally:
        _buildx("rm", name)


def _buildx(*words: str) -> None:
    subprocess.run(["docker", "buildx", *words], check=True, capture_output=True)
