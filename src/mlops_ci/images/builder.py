"""The builder: `docker buildx` in front of the engine, and what its version can do, found out by asking it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mlops_ci import process
from mlops_ci.errors import MissingError, UsageError
from mlops_ci.process import Finished, ProgramMissingError

# The builder that is the engine itself: it sees the engine's images, which FROM needs, and leaves the result there.
ENGINE_BUILDER = "default"
ASK_SECONDS = 30.0
# Where packages put buildx as a plugin of the `docker` command. It is a program of its own, and needs no `docker`.
PLUGINS = (
    "~/.docker/cli-plugins",
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
ALONE = ("docker-buildx", "buildx")
THERE_ALREADY = "existing instance"
INSTALL = "install Docker's buildx plugin (Debian: docker-buildx, Docker's own packages: docker-buildx-plugin)"
# What `buildx inspect` says of a builder that stays as it is between two looks.
LASTING = ("driver:", "endpoint:", "driver options:", "buildkit version:", "buildkit:")


class BuilderMissingError(MissingError):
    """There is no `docker buildx` on this machine."""


class BuilderAddressError(UsageError):
    """`[image] builder` is an address that buildx cannot use."""


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


def buildx(*words: str) -> list[str]:
    """The command line for buildx: through `docker` where there is one, else the plugin by itself."""
    if shutil.which("docker") is not None:
        return ["docker", "buildx", *words]
    folders = os.pathsep.join(str(Path(one).expanduser()) for one in PLUGINS)
    found = (shutil.which(name, path=path) for path in (None, folders) for name in ALONE)
    program = next((one for one in found if one is not None), None)
    return ["docker", "buildx", *words] if program is None else [program, *words]


@cache
def known_as(builder: str) -> str:
    """The name by which buildx knows a builder; one that is given by its address is made, once. Raises
    `BuilderAddressError`.

    A machine that lives as long as a job has no builder that somebody made on it before.
    """
    if "://" not in builder:
        return builder
    name = f"mlops-ci-{hashlib.sha256(builder.encode()).hexdigest()[:12]}"
    made = _ask("create", "--name", name, "--driver", "remote", builder)
    if made.exit_code != 0 and THERE_ALREADY not in made.stderr:
        raise BuilderAddressError(
            f"[image] builder: buildx makes no builder for {builder}",
            hint="write an address such as tcp://buildkitd:1234, or make it with `docker buildx create` and name it",
            details=made.tail(5),
        )
    return name


@cache
def probe() -> Builder:
    """Ask once per process. Raises `BuilderMissingError`."""
    try:
        version = _ask("version")
        usage = _ask("bake", "--help")
    except ProgramMissingError as error:
        raise BuilderMissingError("there is no `docker` command and no buildx on PATH", hint=INSTALL) from error
    if version.exit_code != 0 or usage.exit_code != 0:
        raise BuilderMissingError(
            "`docker buildx` does not work on this machine", hint=INSTALL, details=version.tail(5)
        )
    return Builder(version=version.stdout.strip(), entitlements="--allow" in usage.stdout)


def described(builder: str) -> tuple[str, ...]:
    """What buildx says of a named builder and what stands behind it; nothing where it does not answer."""
    lines = (line.strip() for line in _ask("inspect", known_as(builder)).stdout.splitlines())
    return tuple(line for line in lines if line.lower().startswith(LASTING))


def _ask(*words: str) -> Finished:
    return process.run(buildx(*words), environment=docker_environment(), timeout=ASK_SECONDS, check=False)
