"""The rows that `mlops-ci images` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlops_ci.images import lockfile
from mlops_ci.images.catalogue import Catalogue, Variant


def builds(known: Catalogue) -> list[dict[str, Any]]:
    """A row for every build of PyTorch."""
    return [
        {
            "torch": variant.release.series,
            "variant": variant.name,
            "release": variant.torch,
            "python": variant.python,
            "minimum_driver": variant.cuda.minimum if variant.cuda else "-",
            "native_driver": (variant.cuda.native or "?") if variant.cuda else "-",
            "sm": " ".join(variant.sm) or "-",
            "state": state(known, variant),
        }
        for variant in known.variants.values()
    ]


def state(known: Catalogue, variant: Variant) -> str:
    """Whether it can be built."""
    if variant.pending:
        return f"pending: {variant.pending}"
    lacks = [(name.partition("/")[0], what) for name, what in known.lacks.items() if name.endswith(f"/{variant.id}")]
    lacks += [(layer.name, layer.lacking(variant)) for layer in known.layers.values()]
    mine = [f"{name} without {', '.join(one.partition(':')[0] for one in what)}" for name, what in lacks if what]
    return f"locked ({'; '.join(mine)})" if mine else "locked"


def layers(known: Catalogue) -> list[dict[str, Any]]:
    """A row for every layer."""
    rows = []
    for layer in known.layers.values():
        on = " or ".join(dict.fromkeys(layer.below)) or known.base.name
        text = (layer.folder / "Dockerfile").read_text(encoding="utf-8")
        rows.append({"layer": layer.name, "on": on, "holds": text.splitlines()[0].removeprefix("# ")})
    return rows


def pins(known: Catalogue, variant: Variant, layer: str) -> dict[str, str]:
    """The locked packages of an image on the Python of the images."""
    environment = {
        "python_version": variant.python,
        "python_full_version": f"{variant.python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": variant.machine,
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    files = [one.lock_file(variant) for one in known.product(layer, variant.kind).layers]
    found = (pin for file in files if file is not None for pin in lockfile.read(file))
    return {pin.name: str(pin.version) for pin in found if pin.applies(environment)}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines in columns as wide as they need."""
    cells = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    return ["  ".join(f"{text:<{width}}" for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]
