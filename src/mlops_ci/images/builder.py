"""The builder: `docker buildx` in front of the engine, and what its version can do, found out by asking it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mlops_ci import process
from mlops_ci.errors import MissingError
from mlops_ci.process import Finished, ProgramMissingError

# The builder that is the engine itself: it sees the engine's images, which FROM needs, and leaves the result there.
ENGINE_BUILDER = "default"
ASK_SECONDS = 30.0
INSTALL = "install Docker's buildx plugin (Debian: docker-buildx, Docker's own packages: docker-buildx-plugin)"


class BuilderMissingError(MissingError):
    """There is no `docker buildx` on this machine."""


@dataclass(frozen=True, kw_only=True)
class Builder:
    """`entitlements`: whether it must be told which files outside its working folder it may read (buildx 0.20 on)."""

    version: str
    entitlements: bool

    def allow(self, paths: tuple[Path, ...]) -> list[str]:
        """The flags that let a build read these files and folders."""
        return [f"--allow=fs.read={path}" for path in dict.fromkeys(paths)] if self.entitlements else []


def docker_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for the `docker` command: the engine that DOCKER_HOST names, and no other context or builder."""
    environment = dict(os.environ if environ is None else environ)
    for name in ("DOCKER_CONTEXT", "BUILDX_BUILDER", "BUILDX_BAKE_FILE"):
        environment.pop(name, None)
    from mlops_ci.engines.docker_socket import DockerSocket

    environment["DOCKER_HOST"] = DockerSocket().address.url
    environment["DOCKER_BUILDKIT"] = "1"
    environment["BUILDX_NO_DEFAULT_ATTESTATIONS"] = "1"
    return environment


@cache
def probe() -> Builder:
    """Ask once per process. Raises `BuilderMissingError`."""
    try:
        version = _ask("version")
        usage = _ask("bake", "--help")
    except ProgramMissingError as error:
        raise BuilderMissingError("there is no `docker` command on PATH", hint=f"install it, and {INSTALL}") from error
    if version.exit_code != 0 or usage.exit_code != 0:
        raise BuilderMissingError(
            "`docker buildx` does not work on this machine", hint=INSTALL, details=version.tail(5)
        )
    return Builder(version=version.stdout.strip(), entitlements="--allow" in usage.stdout)


def _ask(*words: str) -> Finished:
    return process.run(["docker", "buildx", *words], environment=docker_environment(), timeout=ASK_SECONDS, check=False)
