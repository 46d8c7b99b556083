"""A layer beyond its budget fails its build, and leaves nothing that a later run could reuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_ci.images import catalogue
from mlops_ci.images.lookup import engine_image
from mlops_ci.images.sizes import ImageTooBigError
from support.image_builds import ImageProject
from support.image_projects import copy_catalogue

ROOMY, NARROW = (f"budget = {{ cpu = {megabytes}, cuda = {megabytes} }}" for megabytes in (370, 2))


def test_a_layer_that_grew_beyond_its_budget_fails_the_build(
    project: ImageProject, docker: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_catalogue(tmp_path / "catalogue")
    own = f"ARG BASE_IMAGE\nFROM ${{BASE_IMAGE}}\nLABEL of={project.name}\nUSER 0:0\n"
    (folder / "base" / "Dockerfile").write_text(own)
    (folder / "python" / "Dockerfile").write_text(f"{own}RUN head -c 3000000 /dev/urandom > /grown\n")
    text = (folder / "catalogue.toml").read_text()
    assert ROOMY in text
    (folder / "catalogue.toml").write_text(text.replace(ROOMY, NARROW, 1))
    known = catalogue.load(folder)
    monkeypatch.setattr(catalogue, "load", lambda: known)
    with pytest.raises(ImageTooBigError, match="the layer python holds 3 MB, and its budget in the catalogue is 2 MB"):
        project.build(layer="python")
    (top, below) = (ref for name in ("/python:", "/base:") for ref in project.asked if name in ref)
    try:
        assert engine_image(below) is not None, "what is below was within its own"
        assert engine_image(top) is None
    finally:
        docker("rmi", below)
