"""The table `[image]`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """The image (or, on the host engine, the locked environment) in which your code runs."""

    torch: str = "2.13"
    """Release series of PyTorch."""
    variant: str = "auto"
    """`cpu`, a CUDA variant such as `cu128`, or `auto`: the newest CUDA that this machine's driver runs, else `cpu`."""
    layer: str = "train"
    """The layer of the image catalogue that your image is built on."""
    requirements: str | None = None
    """Your requirements file, relative to this file. It becomes a layer of its own."""
    dockerfile: str | None = None
    """Your own Dockerfile on top of the layer; it begins with `ARG BASE_IMAGE` and `FROM ${BASE_IMAGE}`. Docker engine only."""
    apt: tuple[str, ...] = ()
    """Debian packages that your code needs. Docker engine only."""
    registry: str | None = None
    """Registry and prefix (`ghcr.io/org/images`) that images are looked up in and pushed to. Default: this engine alone."""
