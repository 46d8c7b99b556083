"""What is scanned for which engine, and what of a container's root is no part of its image."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlops_ci.engines.inside_image import ImagePython
from mlops_ci.records.build import BuiltImage
from mlops_ci.stages import trees


def built(ref):
    return BuiltImage(ref=ref, digest="", content_key="k", built=False, bytes=0, seconds=0.0)


def session(engine, root=Path("/builds/model")):
    return SimpleNamespace(
        engine=SimpleNamespace(name=engine),
        image_engine=engine,
        made_elsewhere=False,
        settings=SimpleNamespace(root=root),
        workspace=SimpleNamespace(cache=Path("/cache/mlops")),
    )


@pytest.fixture
def container(monkeypatch):
    """A pod with volumes, whose PATH begins with the image's own environment."""
    monkeypatch.setattr(trees, "in_container", lambda environ: True)
    monkeypatch.setattr(trees, "mounted", lambda: ("/builds", "/etc/resolv.conf", "/proc"))
    monkeypatch.setattr(trees, "interpreter", lambda: Path("/opt/venv/bin/python3"))


def test_an_image_and_chained_environments_are_scanned_by_their_references():
    (image,) = trees.targets(session("docker"), {"base": built("base:1"), "top": built("top:1")}, "top")
    assert (image.kind, image.ref) == ("image", "top:1")
    found = trees.targets(session("host"), {"base": built("env:/a"), "top": built("env:/b")}, "top")
    assert [(one.kind, one.ref) for one in found] == [("environment", "/a"), ("environment", "/b")]
    assert trees.lasting(session("docker"))
    assert trees.lasting(session("host"))


def test_a_container_is_scanned_from_its_root_without_what_the_job_brought(container):
    (root,) = trees.targets(session("inside"), {"inside": built("inside")}, "inside")
    assert (root.kind, root.ref, root.name) == ("root", "/", "inside")
    assert {"/builds", "/builds/model", "/cache/mlops", "/proc", "/sys", "/dev", "/run"} < set(root.skipped)
    assert str(Path(sys.prefix).resolve()) in root.skipped, "the tool's own environment lies beside the image"
    assert "/" not in root.skipped
    assert not trees.lasting(session("inside")), "programs change what they run in"


def test_a_tool_that_the_image_brings_along_is_a_part_of_it(container, monkeypatch):
    monkeypatch.setattr(trees, "interpreter", lambda: Path(sys.prefix) / "bin" / "python3")
    (root,) = trees.targets(session("inside"), {"inside": built("inside")}, "inside")
    assert str(Path(sys.prefix).resolve()) not in root.skipped


def test_outside_of_a_container_only_the_packages_that_jobs_can_import_are_scanned(monkeypatch):
    python = ImagePython(path=Path("/v/bin/python3"), version="3.11", folder="/v/lib/site-packages", packages=())
    monkeypatch.setattr(trees, "in_container", lambda environ: False)
    monkeypatch.setattr(trees, "interpreter", lambda: python.path)
    monkeypatch.setattr(trees, "image_python", lambda path: python)
    (tree,) = trees.targets(session("inside"), {"inside": built("inside")}, "inside")
    assert (tree.kind, tree.folder) == ("environment", "/v/lib/site-packages")
