"""How an image leaves the builder, and where the builder keeps its layers: as good as the builder can."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlops_ci.images.abilities import Abilities, archive_output, registry_output
from mlops_ci.registry.reference import parse, repository


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """`output`, `cache_to` and `cache_from` are the builder's own words; `archive` is a file that the engine loads.

    `named`: the builder gives the image its name. Else it is known by its digest alone until it has been looked at.
    """

    output: str
    archive: Path | None = None
    named: bool = True
    cache_to: str = ""
    cache_from: str = ""


def delivery(can: Abilities, ref: str, variant: str, folder: Path, *, pushed: bool = False) -> Delivery:
    """The best way for the image `ref`; `pushed`: a builder that is not the engine pushes it itself.

    An archive with rewritten times where the builder makes one. A cache in the registry of the image, under a name that
    no other image has: the last writer of a shared one would win. One that cannot be written fails no build.
    """
    archive = folder / "image.tar" if can.repeatable and not pushed else None
    if pushed:
        output = f"{_by_digest(ref)},{registry_output() if can.repeatable else 'type=image,push=true'}"
    else:
        output = archive_output(archive) if archive else "type=docker"
    if not can.cache or parse(ref).host is None:
        return Delivery(output=output, archive=archive, named=not pushed)
    where = f"type=registry,ref={ref.rpartition(':')[0]}:cache-{variant}"
    kept = f"{where},mode=max,compression=zstd,oci-mediatypes=true,image-manifest=true,ignore-error=true"
    return Delivery(output=output, archive=archive, named=not pushed, cache_to=kept, cache_from=where)


def _by_digest(ref: str) -> str:
    """An image that fails its checks, or that somebody else was quicker with, never has the name that is looked for."""
    return f"name={repository(ref)},push-by-digest=true,name-canonical=true"
