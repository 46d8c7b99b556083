"""What the Docker engine says when it can't run a job, as errors with a next step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from mlops_ci.engines.base import (
    EngineDiedError,
    EngineRefusedError,
    EnvironmentMissingError,
    FolderNotReadableError,
    Job,
)
from mlops_ci.engines.jobfiles import Reading
from mlops_ci.errors import MissingError, MlopsError

# Exit codes of docker-init (tini) when it can't execute the program: not executable, not found.
NOT_STARTED = (126, 127)


class NvidiaRuntimeMissingError(MissingError):
    """Docker can't hand GPUs to containers on this machine."""


class DriverTooOldError(MissingError):
    """The image asks for a newer NVIDIA driver than this machine has."""


class SharedFolderError(MissingError):
    """The Docker engine does not see the folders of this machine."""


@contextmanager
def translated(job: Job) -> Iterator[None]:
    """Errors of the client library inside the block become ours."""
    import docker.errors
    import requests.exceptions

    try:
        yield
    except docker.errors.ImageNotFound as error:
        raise EnvironmentMissingError(
            f"the image {job.ref} is not on this Docker engine", hint="run `mlops-ci build`"
        ) from error
    except docker.errors.APIError as error:
        raise refusal(str(error.explanation or error), job) from error
    except (requests.exceptions.RequestException, docker.errors.DockerException) as error:
        raise EngineDiedError(
            f"the Docker engine stopped answering: {error}", hint="start Docker again and run the same command"
        ) from error


# NVIDIA_REQUIRE_CUDA of an image (NVIDIA Container Toolkit): the container ends before its first program.
UNSATISFIED = re.compile(r"unsatisfied condition: ([^,\n]+)")


def refusal(said: str, job: Job) -> MlopsError:
    """What the engine's refusal means. The texts are those of Docker 20 to 28."""
    unsatisfied = UNSATISFIED.search(said)
    if unsatisfied is not None:
        return DriverTooOldError(
            f"this machine's NVIDIA driver does not satisfy what the image asks for ({unsatisfied[1].strip()}): {said}",
            hint="update the driver, or take an image with an older CUDA: [image] variant; `mlops-ci plan` with "
            '`variant = "auto"` takes the newest that the driver runs',
        )
    if "could not select device driver" in said or "nvidia-container" in said:
        return NvidiaRuntimeMissingError(
            f"Docker can't give containers a GPU: {said}",
            hint="install NVIDIA Container Toolkit, run `nvidia-ctk runtime configure --runtime=docker`, restart "
            "Docker; `docker run --rm --gpus all IMAGE nvidia-smi` must work",
        )
    if "bind source path does not exist" in said:
        return SharedFolderError(
            f"the Docker engine does not see this machine's files: {said}",
            hint="it runs elsewhere (docker-in-docker, another host): share the repository's folder with it under the "
            "same path, or use --engine host or inside",
        )
    return EngineRefusedError(
        f"Docker would not start the job of {job.stage}: {said}", hint="`mlops-ci doctor` says more"
    )


def check_started(job: Job, exit_code: int, reading: Reading) -> None:
    """Raise `EnvironmentMissingError` when it was the image's Python that could not be started."""
    if reading.outcome is None and exit_code in NOT_STARTED:
        raise EnvironmentMissingError(
            f"the image {job.ref} has no `python3` that can be started (exit code {exit_code})",
            hint="build your own image FROM ${BASE_IMAGE}, and keep its Python on PATH",
        )


def check_readable(job: Job, uid: int | None) -> None:
    """Raise `FolderNotReadableError` for a read-only folder that the job's own user `uid` could not even open."""
    for mount in job.mounts if uid is not None else ():
        if not mount.read_only:
            continue
        found = mount.source.stat()
        if found.st_uid != uid and found.st_mode & 0o005 != 0o005:
            raise FolderNotReadableError(
                f"the job's user {uid} cannot read {mount.source} (mode {found.st_mode & 0o777:o})",
                hint=f"chmod -R o+rX {mount.source}, or run mlops-ci as the user who owns the folder",
            )
