"""The image of others at the bottom: the pinned one, or the mirror that the settings name, always by what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlops_ci.errors import UsageError
from mlops_ci.images import naming
from mlops_ci.images.catalogue import ExternalBase
from mlops_ci.images.dockerfile_rules import check_moving
from mlops_ci.images.lookup import Lookup
from mlops_ci.nearness import did_you_mean
from mlops_ci.registry.reference import parse


class MirrorError(UsageError):
    """`[mirrors] images` cannot be used."""


@dataclass(frozen=True, kw_only=True)
class BaseImage:
    """`ref` is what FROM gets. `alias_of` is the engine's own image for which `ref` is an immutable name of ours.

    A builder without a registry cannot be given an image by its digest, hence that name.
    """

    name: str
    digest: str
    ref: str
    alias_of: str | None = None


def resolve(base: ExternalBase, mirrors: Mapping[str, str], lookup: Lookup) -> BaseImage:
    """The base image to build on; a mirror without a digest costs one question. Raises `MirrorError`."""
    for name in mirrors:
        if name != base.name:
            raise MirrorError(
                f"[mirrors] images: `{name}` is not a base image of the catalogue{did_you_mean(name, [base.name])}",
                hint=f"the only one is `{base.name}`",
            )
    mirror = mirrors.get(base.name)
    if mirror is None:
        return BaseImage(name=base.name, digest=base.digest, ref=f"{base.name}@{base.digest}")
    check_moving(mirror, f"[mirrors] images: `{base.name}`")
    reference = parse(mirror)
    if reference.digest is not None:
        return BaseImage(name=base.name, digest=reference.digest, ref=mirror)
    found = lookup(mirror)
    if found is None:
        where = f"the registry {reference.host}" if reference.host else "the container engine"
        raise MirrorError(
            f"[mirrors] images: `{mirror}` (for `{base.name}`) does not exist in {where}",
            hint="check the name; for an image of a registry write its host too, or add `@sha256:...`",
        )
    if reference.host is not None:
        return BaseImage(name=base.name, digest=found.digest, ref=f"{mirror}@{found.digest}")
    return BaseImage(
        name=base.name, digest=found.digest, ref=naming.mirror_ref(base.name, found.digest), alias_of=mirror
    )
