"""The container engine, its builder and a registry, for benches of images."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterable
from pathlib import Path

from bench import place
from bench.programs import compiled
from support.cli import call, records
from support.project import WITH_TORCH, commit, make_project

HOST = "unix:///var/run/docker.sock"


def host() -> str:
    """The engine's address."""
    return os.environ.get("DOCKER_HOST", HOST)


def docker(*words: str, check: bool = True) -> str:
    """What a `docker` command printed."""
    environment = {**os.environ, "DOCKER_HOST": host(), "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    done = subprocess.run(["docker", *words], capture_output=True, text=True, env=environment, check=False)
    if check and done.returncode:
        raise RuntimeError(f"docker {' '.join(words)}: {done.stderr[-3000:]}")
    return done.stdout


def registry(address: str = "") -> str:
    """A prefix in the testbed's registry that nobody else uses; `address` is another way to it."""
    return f"{address or os.environ['MLOPS_CI_TEST_REGISTRY']}/{place.name()}"


def settings(folder: Path, registry: str) -> dict[str, str]:
    """Variables for a run on the engine with images in a registry, and a cache that is this bench's own."""
    found = {
        "MLOPS_CI_ENGINE": "docker",
        "DOCKER_HOST": host(),
        "MLOPS_CI_SCAN__OFFLINE": "true",
        "MLOPS_CI_CACHE": str(folder / "cache"),
        "MLOPS_CI_IMAGE__REGISTRY": registry,
        **compiled(folder),
    }
    base = os.environ.get("MLOPS_CI_TEST_BASE_IMAGE")
    if base:
        found["MLOPS_CI_MIRRORS__IMAGES"] = f'{{"debian:bookworm-slim" = "{base}"}}'
    return found


def project(folder: Path, *image: str) -> Path:
    """A repository with these lines in its table [image]."""
    if (folder / ".git").is_dir():
        return folder
    return make_project(folder, config="\n".join([WITH_TORCH.rstrip("\n"), *image, ""]))


def change(project: Path) -> None:
    """Commit a file that no image holds, so that the next run is a new one; another one each time."""
    (project / "note.txt").write_text(f"change {uuid.uuid4()}\n")
    commit(project, "a change")


def run(project: Path, environment: dict[str, str], *stages: str) -> dict[str, object]:
    """The outputs of build after `mlops-ci run STAGES`."""
    done = call(project, "run", *stages, environment=environment, timeout=1800)
    if done.exit_code != 0:
        raise RuntimeError(done.said)
    outputs: dict[str, object] = records(project)["build"]["outputs"]
    return outputs


def empty(*prefixes: str) -> None:
    """Take the builder's cache and the images of these prefixes away."""
    docker("builder", "prune", "--all", "--force")
    forget(ref for ref in references() if ref.startswith(prefixes))


def references() -> list[str]:
    """All names of images in the engine."""
    return docker("images", "--format", "{{.Repository}}:{{.Tag}}").split()


def forget(refs: Iterable[str]) -> None:
    """Take images out of the engine."""
    found = list(refs)
    if found:
        docker("rmi", "--force", *found)
