"""The table `[image]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from mlops_ci.settings.marks import Example, Form, Stricter
from mlops_ci.settings.table import Table
from mlops_ci.settings.words import Text

Release = Annotated[str, Form(r"^[0-9]+\.[0-9]+(\.[0-9]+)?$", 'a release such as "2.13" (in quotes)')]
Variant = Annotated[str, Form(r"^(auto|cpu|cu[0-9]+)$", '"auto", "cpu", or a CUDA variant such as "cu128"')]
Build = Annotated[str, Form(r"^(cpu|cu[0-9]+)$", '"cpu", or a CUDA variant such as "cu128"')]
Capability = Annotated[str, Form(r"^[0-9]{1,2}\.[0-9]$", 'a compute capability such as "12.0" (in quotes)')]
Driver = Annotated[str, Form(r"^[0-9]{3}(\.[0-9]+){0,2}$", 'a driver such as "535.183.01" (in quotes)')]
LayerName = Annotated[
    str, Form(r"^[a-z][a-z0-9-]*( ?\+ ?[a-z][a-z0-9-]*)*$", 'a layer such as "train" or "vision+train"')
]
# Debian Policy, section 5.6.1 (package names) and 5.6.12 (versions).
Package = Annotated[
    str,
    Form(r"^[a-z0-9][a-z0-9+.-]+(=[A-Za-z0-9.+:~-]+)?$", "the name of a Debian package, or name=version"),
]


@dataclass(frozen=True, kw_only=True)
class ImageSettings(Table):
    """The image (or, on the host engine, the locked environment) in which your code runs."""

    torch: Release = "2.13"
    """Release series of PyTorch, as `mlops-ci images list` shows them."""
    variant: Variant = "auto"
    """`cpu`, a CUDA variant such as `cu128`, or `auto`: the newest CUDA that this machine's driver runs, else `cpu`."""
    variants: Annotated[tuple[Build, ...], Example(["cpu", "cu126"])] = ()
    """Further builds of PyTorch whose images GitHub's `build.yml` makes and `scan.yml` scans beside those of `variant`,
    each in a job of its own: `plan` makes the matrix. Nothing is trained in them."""
    sm: tuple[Capability, ...] = ()
    """Compute capabilities of the GPUs that must be able to run it, such as `12.0`. A build without code for one of
    them is refused, and `auto` passes over it."""
    driver: Annotated[Driver | None, Example("535.183.01")] = None
    """The oldest NVIDIA driver of the runners that train, where `plan` runs on another machine: `auto` takes what it
    runs. Default: the driver of this machine."""
    layer: LayerName = "train"
    """The layer of the image catalogue that your image is built on: `train`, `dev`, `devel`, `torch`, `vision`, `nlp`,
    or one of the first three on another than `torch`, such as `vision+train`."""
    requirements: Annotated[Text | None, Example("requirements.txt")] = None
    """Your requirements file, or your `uv.lock`, relative to this file. It becomes a layer of its own."""
    dockerfile: Annotated[Text | None, Example("Dockerfile")] = None
    """Your own Dockerfile on top of the layer; it begins with `ARG BASE_IMAGE` and `FROM ${BASE_IMAGE}`. Docker engine
    only."""
    extra: Annotated[Text | None, Example("extra.lock"), Stricter("listed-or-unset")] = None
    """A lock of small packages (exact versions with hashes, wheels alone) that are put over the image at the start of
    every job, for the time until they are in `requirements`. They are scanned like the image."""
    apt: tuple[Package, ...] = ()
    """Debian packages that your code needs. Docker engine only."""
    code: bool = False
    """Put your repository's files into the image too, in `/opt/project` (a layer of its own): for an image that is to
    run elsewhere. Jobs of the pipeline have them anyway. Docker engine only."""
    freshness: Literal["month", "week", "never"] = "month"
    """How often the lowest layer is built anew for Debian's security updates: the period (UTC) is part of its key."""
    tags: bool = False
    """Give what is pushed to the registry readable tags too, such as `v2.9-gpu-cu128`, `v2.9` and each with the date.
    They move with every build; the immutable tag is always there."""
    registry: Annotated[Text | None, Example("ghcr.io/org/images"), Stricter("listed-or-unset")] = None
    """Registry and prefix that images are looked up in and pushed to. Default: this engine alone."""
    builder: Annotated[Text | None, Example("team-buildkit")] = None
    """A builder that `docker buildx create` made on this machine (drivers `remote`, `kubernetes`, `docker-container`;
    rootless BuildKit too), or the address of a BuildKit (`tcp://buildkitd:1234`), in place of the engine's own. It sees
    no image of the engine: it needs `registry`, and a base image from a registry. With both no container engine is
    needed to build, scan and sign."""

    @property
    def without_engine(self) -> bool:
        """Whether a builder that is no engine makes the images, and a registry alone keeps them."""
        return bool(self.builder and self.registry)
