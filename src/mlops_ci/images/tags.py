"""Readable tags beside the immutable one: `v2.9-gpu-cu128`, `v2.9`, `v2.8-jupyter`, and each of them with the date.

They move with every build, so nothing of ours ever reads one; `latest` is never among them.
"""

from __future__ import annotations

from datetime import date

from mlops_ci.images.catalogue import CPU, Layer, Variant


def readable(variant: Variant, layer: Layer | None, today: date) -> tuple[str, ...]:
    """The tags of an image of `layer` (None: of the user) in a variant."""
    series = f"v{variant.release.series}"
    build = CPU if variant.name == CPU else f"gpu-{variant.name}"
    default = variant.name == variant.release.default
    ends = layer.tags if layer else ()
    if ends:
        plain = [
            name for end in ends for name in (f"{series}-{end}-{build}", *([f"{series}-{end}"] if default else []))
        ]
    else:
        plain = [f"{series}-{build}", *([series] if default else [])]
    return tuple(name for one in plain for name in (one, f"{one}-{today:%Y%m%d}"))
