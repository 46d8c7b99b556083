"""The image on a machine that has not built it."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from mlops_ci.console import Console
from mlops_ci.providers.github import github_provider
from mlops_ci.records.build import BuildOutputs, BuiltImage
from mlops_ci.settings.signing import SigningSettings
from mlops_ci.stages import image as module


def built(digest="sha256:1", ref="env:/there/train-1"):
    return BuiltImage(ref=ref, digest=digest, content_key="k" * 64, built=True, bytes=1, seconds=1.0)


@pytest.fixture
def log():
    return io.StringIO()


@pytest.fixture
def session(log, tmp_path):
    provider = github_provider({}, log)
    outputs = BuildOutputs(images={"train": built()}, top="train", sbom=())
    return SimpleNamespace(
        run=SimpleNamespace(outputs=lambda *_: outputs),
        resolution=SimpleNamespace(
            top=SimpleNamespace(name="train", ref="env:/here/train-1", content_key="k" * 64), images=()
        ),
        engine=SimpleNamespace(name="host"),
        image_engine="host",
        made_elsewhere=False,
        settings=SimpleNamespace(tables=SimpleNamespace(signing=SigningSettings())),
        variant="cpu",
        workspace=SimpleNamespace(cache=tmp_path),
        console=Console(sink=provider.sink),
    )


def here(monkeypatch, there):
    monkeypatch.setattr(module, "image_lookup", lambda *_, **__: lambda _ref: object() if there else None)


def builds(monkeypatch, digest):
    images = {"train": built(digest, "env:/here/train-1")}
    monkeypatch.setattr(module, "build_images", lambda *_, **__: (images, "train", ()))


def test_an_image_that_is_here_is_used(session, monkeypatch):
    here(monkeypatch, there=True)
    assert module.image(session) == "env:/here/train-1"


def test_an_image_that_is_not_is_made_again(session, monkeypatch, log):
    here(monkeypatch, there=False)
    builds(monkeypatch, "sha256:1")
    assert module.image(session) == "env:/here/train-1"
    assert "getting it again" in log.getvalue()
    assert "warning" not in log.getvalue()


def test_another_digest_of_the_same_key_is_said(session, monkeypatch, log):
    here(monkeypatch, there=False)
    builds(monkeypatch, "sha256:2")
    module.image(session)
    assert "::warning title=another image of the same key" in log.getvalue()


def test_what_was_built_of_other_inputs_is_what_runs(session, monkeypatch):
    here(monkeypatch, there=False)
    session.resolution.top.content_key = "x" * 64
    assert module.image(session) == "env:/there/train-1"


def test_inside_an_image_there_is_nothing_to_fetch(session):
    session.engine.name = "inside"
    assert module.image(session) == "env:/here/train-1"
