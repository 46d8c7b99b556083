"""Images between the engine and a registry, with the `docker` command: it knows the user's logins."""

from __future__ import annotations

import re
from pathlib import Path

from mlops_ci import process
from mlops_ci.console import Console
from mlops_ci.errors import InfrastructureError
from mlops_ci.images.builder import docker_environment
from mlops_ci.images.lookup import ImageFacts, engine_image
from mlops_ci.network import RetryPolicy, retry
from mlops_ci.process import Finished

PUSHED = re.compile(r"digest: (sha256:[0-9a-f]{64})")
POLICY = RetryPolicy(attempts=3)
REFUSED = ("denied", "unauthorized", "no basic auth credentials", "authentication required", "forbidden")


class ImagePullError(InfrastructureError):
    """An image that exists in the registry could not be brought here."""


class ImagePushError(InfrastructureError):
    """An image that was built could not be brought into the registry."""


class ImageLoadError(InfrastructureError):
    """An image that was built could not be brought into the engine."""


class ImageDiskFullError(InfrastructureError):
    """There is no space left where the engine keeps its images."""


class TransferRefusedError(InfrastructureError):
    """The registry does not let us read or write there."""


def pull(ref: str, console: Console) -> ImageFacts:
    """Bring the image into the engine. Raises `ImagePullError` (after retries) or `TransferRefusedError`."""

    def once() -> ImageFacts:
        finished = _docker(["pull", ref], console)
        found = engine_image(ref) if finished.exit_code == 0 else None
        if found is None:
            raise _error(ImagePullError, "pulled", ref, finished)
        return found

    return retry(once, transient=_transient, policy=POLICY)


def push(ref: str, console: Console) -> str:
    """Bring the engine's image into its registry; gives the manifest digest. Raises like `pull`."""

    def once() -> str:
        finished = _docker(["push", ref], console)
        match = PUSHED.search(finished.stdout) if finished.exit_code == 0 else None
        if match is None:
            raise _error(ImagePushError, "pushed", ref, finished)
        return match[1]

    return retry(once, transient=_transient, policy=POLICY)


def load(archive: Path, console: Console) -> None:
    """Bring an image from an archive into the engine. Raises `ImageLoadError`, `ImageDiskFullError`."""
    finished = _docker(["load", "--quiet", "--input", str(archive)], console)
    if finished.exit_code == 0:
        return
    if _is_full(finished):
        raise _full(f"{archive.stat().st_size / 1e6:.0f} MB (packed) of image", finished)
    raise ImageLoadError(
        "the engine did not take the image that was built", hint="run the same command again", details=finished.tail(5)
    )


def alias(source: str, name: str, digest: str, console: Console) -> None:
    """Give the engine's image `source` a second, immutable name; raises unless it still is the one of `digest`."""
    _docker(["tag", source, name], console)
    found = engine_image(name)
    if found is None or found.digest != digest:
        raise ImagePullError(
            f"the image {source} is not what it was when this run was planned", hint="run the same command again"
        )


def remove(ref: str, console: Console) -> None:
    """Take an image out of the engine; one that is not there is fine."""
    _docker(["image", "rm", ref], console)


def _docker(words: list[str], console: Console) -> Finished:
    return process.run(
        ["docker", *words],
        environment=docker_environment(),
        on_line=console.output,
        redactor=console.redactor,
        check=False,
        leashed=True,
    )


def _transient(error: Exception) -> bool:
    return isinstance(error, ImagePullError | ImagePushError)


def _error(kind: type[InfrastructureError], verb: str, ref: str, finished: Finished) -> InfrastructureError:
    if _is_full(finished):
        return _full(ref, finished)
    said = f"{finished.stdout}\n{finished.stderr}".lower()
    if any(sign in said for sign in REFUSED):
        return TransferRefusedError(
            f"{ref} could not be {verb}: the registry refuses",
            hint="run `docker login` for it, or leave out [image] registry to keep images in this engine",
            details=finished.tail(5),
        )
    return kind(f"{ref} could not be {verb}", hint="check the registry and the network", details=finished.tail(5))


def _is_full(finished: Finished) -> bool:
    return "no space left on device" in f"{finished.stdout}\n{finished.stderr}".lower()


def _full(what: str, finished: Finished) -> ImageDiskFullError:
    return ImageDiskFullError(
        f"there is no space left in the engine for {what}",
        hint="free some: `docker system df`, `docker builder prune`, and `mlops-ci clean`",
        details=finished.tail(5),
    )
