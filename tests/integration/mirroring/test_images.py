"""Finished images from one engine into another, and into a registry: there the plan builds nothing."""

from __future__ import annotations

import os
import secrets
import subprocess
from dataclasses import replace

import pytest

from mlops_ci.console import Console, NullSink
from mlops_ci.images.lookup import image_lookup
from mlops_ci.images.plan import plan_images
from mlops_ci.mirroring import images
from mlops_ci.mirroring.export import export
from mlops_ci.mirroring.importing import bring
from mlops_ci.mirroring.settings_text import site_tables
from mlops_ci.mirroring.wanted import Wanted
from support.image_projects import make_settings

BASE = "debian:bookworm-slim"
# Small images: what they hold is others' tests.
IMAGE = {"variant": "cpu", "layer": "base", "dockerfile": "Dockerfile"}


@pytest.fixture
def name(docker_host, docker_host_containerd):
    """A project of this test; its images are removed from both engines."""
    name = f"t-{secrets.token_hex(4)}"
    yield name
    for host in (docker_host, docker_host_containerd):
        docker = ["docker", "--host", host]
        listed = subprocess.run(
            [*docker, "images", "--format", "{{.Repository}}:{{.Tag}}"],
            capture_output=True,
            text=True,
            check=False,
        )
        mine = [ref for ref in listed.stdout.split() if f"/{name}" in ref]
        if mine:
            subprocess.run([*docker, "rmi", "--force", *mine], capture_output=True, check=False)


@pytest.fixture
def wanted(tmp_path, name, docker_host, base_image, monkeypatch):
    """A project whose layer of its own is quick to make."""
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    (tmp_path / "Dockerfile").write_text("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY mine.txt /opt/\n")
    (tmp_path / "mine.txt").write_text(f"{name}\n")
    mirrors = {"images": {BASE: base_image}}
    settings = make_settings(tmp_path, name=name, image=IMAGE, mirrors=mirrors)
    return Wanted(settings=settings, engine="docker", cache=tmp_path / "cache", console=Console(sink=NullSink()))


def planned(tmp_path, settings):
    lookup = image_lookup(settings, engine="docker", workspace=tmp_path / "site-cache")
    return plan_images(settings, engine="docker", variant="cpu", lookup=lookup)


def test_into_another_engine_and_into_a_registry(
    tmp_path, wanted, name, docker_host_containerd, image_registry, monkeypatch
):
    parts = ("wheels", "tool", "database", "actions")
    done = export(wanted, tmp_path / "site.tar", without=parts)
    assert done.index.missing == ()
    assert [entry.layer for entry in done.index.images] == ["base", "project"]
    keys = [plan.content_key for plan in wanted.plans]

    monkeypatch.setenv("DOCKER_HOST", docker_host_containerd)
    called = []
    docker = images._docker
    monkeypatch.setattr(images, "_docker", lambda words, console: called.append(words[0]) or docker(words, console))

    def imported(registry=None):
        where = {"folder": tmp_path / "to", "cache": tmp_path / "site-cache"}
        called.clear()
        bring(tmp_path / "site.tar", **where, registry=registry, console=wanted.console)
        tables = site_tables(done.index, tmp_path / "to", wheels=False, registry=registry)
        site = {**tables["mirrors"], "images": tables["mirrors"]["images"]}
        return make_settings(tmp_path, name=name, image={**IMAGE, **tables.get("image", {})}, mirrors=site)

    settings = imported()
    assert called == ["load"]
    assert not (tmp_path / "site-cache" / "mirror" / "images.tar").exists()
    plans = planned(tmp_path, settings)
    assert [plan.action for plan in plans] == ["reuse", "reuse"]
    assert [plan.content_key for plan in plans] == keys
    imported()
    assert called == [], "what is there is left alone"

    registry = f"{image_registry}/{name}"
    settings = imported(registry)
    assert called == ["tag", "tag"]
    plans = planned(tmp_path, settings)
    assert [plan.action for plan in plans] == ["reuse", "reuse"]
    assert plans[-1].ref.startswith(f"{registry}/")
    imported(registry)
    assert called == []


def test_the_same_images_give_the_same_archive(tmp_path, wanted):
    parts = ("wheels", "tool", "database", "actions")
    one = export(wanted, tmp_path / "one.tar", without=parts)
    two = export(replace(wanted), tmp_path / "two.tar", without=parts)
    assert one.sha256 == two.sha256
    assert os.stat(tmp_path / "one.tar").st_size == one.bytes
