"""`mlops-ci images size`, `images lock` and `doctor` on images and builders that are really there."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci.commands import image_look, images
from mlops_ci.commands.doctor import builders
from mlops_ci.commands.options import Options
from mlops_ci.images import catalogue, images_lock
from support.image_builds import ImageProject
from support.image_projects import copy_catalogue

GROWN = 3_000_000
SETTINGS = """[project]
name = "{project.name}"
[image]
layer = "python"
variant = "cpu"
registry = "{registry}"
[mirrors.images]
"{base}" = "{mirror}"
[train]
command = "python train.py"
"""


def test_each_layer_is_weighed_and_locked_as_its_registry_keeps_it(
    project: ImageProject,
    docker: Callable[..., str],
    image_registry: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = copy_catalogue(tmp_path / "catalogue")
    own = f"ARG BASE_IMAGE\nFROM ${{BASE_IMAGE}}\nLABEL of={project.name}\nUSER 0:0\n"
    (folder / "base" / "Dockerfile").write_text(own)
    (folder / "python" / "Dockerfile").write_text(f"{own}RUN head -c {GROWN} /dev/urandom > /grown\n")
    known = catalogue.load(folder)
    monkeypatch.setattr(catalogue, "load", lambda: known)
    registry = f"{image_registry}/{secrets.token_hex(4)}"
    ((base, mirror),) = project.mirrors["images"].items()
    written = SETTINGS.format(project=project, registry=registry, base=base, mirror=mirror)
    (project.root / "mlops.toml").write_text(written)
    built = project.build(layer="python", registry=registry)
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("MLOPS_CI_PROVIDER", "local")
    try:
        capsys.readouterr()
        assert image_look.size(Options(json=True)) == 0
        below, top = json.loads(capsys.readouterr().out)
        assert (below["name"], top["name"]) == ("base", "python")
        # What cannot be compressed is as large packed, but for the headers of its archive.
        assert GROWN <= top["unpacked"] < GROWN * 1.01
        assert GROWN <= top["packed"] < GROWN * 1.01
        assert 0 < below["packed"] < below["unpacked"]
        assert images.lock(Options(engine="docker")) == 0
        locked = images_lock.read(project.root) or {}
        assert {name.rpartition("/")[2]: one.digest for name, one in locked.items()} == {
            name: one.digest for name, one in built.images.items()
        }, "all of them, and not only the one that was asked for"
        assert images_lock.compare(locked, built.plans, engine="docker", variant="2.13-cpu") == ()
        narrow = replace(known.layers["python"], budget={"cpu": 2, "cuda": 2})
        less = replace(known, layers={**known.layers, "python": narrow})
        monkeypatch.setattr(catalogue, "load", lambda: less)
        assert image_look.size(Options()) == 1
        assert "2 !" in capsys.readouterr().out
    finally:
        docker("rmi", *(plan.ref for plan in reversed(built.plans)))


def test_doctor_says_where_layers_are_not_repeatable_and_what_helps(
    docker_host: str, docker_host_containerd: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    (classic,) = builders(None)
    assert (classic.status, classic.detail.partition(";")[0]) == ("lack", "equal layers for equal inputs, zstd: no")
    assert "containerd-snapshotter" in classic.fix
    monkeypatch.setenv("DOCKER_HOST", docker_host_containerd)
    (other,) = builders(None)
    assert (other.status, other.detail.count("yes")) == ("ok", 3)
