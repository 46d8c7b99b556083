"""What is listed for the Docker engine: images, and what lies inside them."""

from __future__ import annotations

import pytest

from mlops_ci.console import Console, NullSink
from mlops_ci.images.lookup import ImageFacts
from mlops_ci.mirroring import needs as module
from mlops_ci.mirroring import wanted as wanted_module
from mlops_ci.mirroring.needs import needs
from mlops_ci.mirroring.wanted import Wanted
from mlops_ci.scanning import binary
from support.image_projects import KnownImages, make_settings


@pytest.fixture
def rows(tmp_path, monkeypatch):
    def call(**image):
        (tmp_path / "requirements.txt").write_text("rich\n")
        settings = make_settings(tmp_path, image={"variant": "cpu", "requirements": "requirements.txt", **image})
        console = Console(sink=NullSink())
        return needs(Wanted(settings=settings, engine="docker", cache=tmp_path / "cache", console=console))

    monkeypatch.setattr(binary, "_of_wheel", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(wanted_module, "image_lookup", lambda *_, **__: KnownImages())
    monkeypatch.setattr(
        module, "engine_image", lambda ref: ImageFacts(digest="sha256:1", bytes=5) if "base" in ref else None
    )
    return call


def test_base_image_layers_and_their_sizes(rows):
    found = {(row.kind, row.name): row for row in rows()}
    base = found["base image", "debian"]
    assert base.version == "bookworm-slim"
    assert base.source == f"debian:bookworm-slim@{base.digest}"
    assert found["layer", "base"].bytes == 5
    assert found["layer", "torch"].bytes is None
    assert found["layer", "torch"].source == "to be built"


def test_wheels_of_layers_are_in_their_images_and_only_the_tools_are_listed(rows):
    found = rows()
    assert {row.source for row in found if row.kind == "wheel"} == {"lock tool", "[image] requirements"}
    assert next(row for row in found if row.name == "requirements.txt").carried == "layer requirements"


def test_debian_packages_are_named_by_the_layer_that_holds_them(rows):
    assert [row.carried for row in rows() if row.kind == "apt"] == ["layer base", "layer python"]
    own = [row for row in rows(apt=("ffmpeg", "libsndfile1")) if row.kind == "apt"]
    assert [(row.name, row.carried) for row in own[2:]] == [("ffmpeg libsndfile1", "layer requirements")]
