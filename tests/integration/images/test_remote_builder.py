"""A BuildKit that is not the engine, by the driver `remote`: it builds and pushes, and each layer is on its parent."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci.commands.doctor import Finding, builders
from mlops_ci.images import catalogue
from mlops_ci.images.lookup import DockerLookup
from mlops_ci.registry.client import Registry
from support.image_builds import ImageProject
from support.image_projects import copy_catalogue
from support.remote_buildkit import remote_builder

Docker = Callable[..., str]
SMALL = (
    "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nARG SOURCE_DATE_EPOCH\nRUN mkdir -p /opt/layers && touch /opt/layers/LAYER\n"
)


def test_a_remote_buildkit_builds_and_pushes_what_the_engine_then_runs(
    project: ImageProject,
    docker: Docker,
    docker_host_containerd: str,
    image_registry: str,
    mirrored_base_image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The BuildKit is that of another engine, which has neither our images nor our base image."""
    small = copy_catalogue(tmp_path / "catalogue")
    for layer in ("base", "python"):
        (small / layer / "Dockerfile").write_text(SMALL.replace("LAYER", layer))
    known = catalogue.load(small)
    monkeypatch.setattr(catalogue, "load", lambda: known)
    mirrored = replace(project, mirrors={"images": {catalogue.load().base.name: mirrored_base_image}})
    registry = f"{image_registry}/{project.name}-{secrets.token_hex(4)}"
    with remote_builder(tmp_path / "b.sock", docker_host_containerd) as builder:
        _, shown = builders_of(tmp_path, builder, monkeypatch)
        assert (shown.status, shown.detail.count("yes")) == ("ok", 3)
        built = mirrored.build(layer="python", registry=registry, builder=builder)
        assert [image.built for image in built.images.values()] == [True, True]
        for image in built.images.values():
            there = DockerLookup()(image.ref)
            assert there is not None
            assert there.digest == image.digest
            manifest = Registry().manifest(image.ref)
            assert manifest is not None
            assert b"layer.v1.tar+zstd" in manifest.data
        assert docker("run", "--rm", built.ref, "ls", "/opt/layers").split() == ["base", "python"]
        again = mirrored.build(layer="python", registry=registry, builder=builder)
        assert not any(image.built for image in again.images.values())


def builders_of(folder: Path, builder: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Finding, ...]:
    """What `doctor` says of the builders in a repository that names one."""
    (folder / "mlops.toml").write_text(f'[image]\nbuilder = "{builder}"\n[train]\ncommand = "python train.py"\n')
    monkeypatch.chdir(folder)
    return tuple(builders())
