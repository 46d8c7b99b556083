"""Readable tags: the scheme that users know."""

from datetime import date

import pytest

from mlops_ci.images import catalogue, tags
from mlops_ci.images.dockerfile_rules import MOVING

TODAY = date(2026, 11, 26)


@pytest.mark.parametrize(
    ("variant", "layer", "names"),
    [
        ("2.9-cu128", "torch", {"v2.9-gpu-cu128", "v2.9"}),
        ("2.9-cu126", "torch", {"v2.9-gpu-cu126"}),
        ("2.6-cu118", "vision", {"v2.6-gpu-cu118"}),
        ("2.13-cpu", "torch", {"v2.13-cpu"}),
        ("2.8-cu128", "dev", {"v2.8-jupyter", "v2.8-ssh", "v2.8-jupyter-gpu-cu128", "v2.8-ssh-gpu-cu128"}),
        ("2.8-cu126", "dev", {"v2.8-jupyter-gpu-cu126", "v2.8-ssh-gpu-cu126"}),
        ("2.9-cu128", None, {"v2.9-gpu-cu128", "v2.9"}),
    ],
)
def test_the_scheme(variant: str, layer: str | None, names: set[str]) -> None:
    known = catalogue.load()
    found = tags.readable(known.variants[variant], known.layers[layer] if layer else None, TODAY)
    assert set(found) == names | {f"{name}-20261126" for name in names}


def test_no_tag_is_latest_and_none_is_in_two_variants() -> None:
    known = catalogue.load()
    for layer in known.layers.values():
        every = [name for one in known.variants.values() for name in tags.readable(one, layer, TODAY)]
        assert MOVING not in every
        assert len(set(every)) == len(every), layer.name
