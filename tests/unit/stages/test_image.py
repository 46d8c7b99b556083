"""The image on a machine that has not built it."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from mlops_ci.console import Console
from mlops_ci.engines.absent import AbsentDocker
from mlops_ci.engines.base import EngineUnavailableError
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


def test_a_pod_runs_the_image_that_was_built_and_must_be_told_that_it_is_in_it(session):
    session.engine.name, session.made_elsewhere, session.environ = "inside", True, {}
    with pytest.raises(module.ImageNotToldError, match="nobody said which image") as caught:
        module.image(session)
    assert caught.value.exit_code == 2
    assert "env:/there/train-1@sha256:1" in caught.value.cause
    session.environ = {"MLOPS_IMAGE_DIGEST": "sha256:" + "1" * 64}
    assert module.image(session) == "env:/there/train-1@sha256:1", "which one it is the engine compares"


def test_on_a_machine_without_an_engine_no_stage_gets_an_image(session):
    session.engine = AbsentDocker(reason="nothing listens")
    with pytest.raises(EngineUnavailableError, match=r"train runs in an image.*nothing listens"):
        module.image(session, "train")


def test_an_image_of_another_builder_is_pulled_by_the_first_job_that_runs_in_it(session, monkeypatch):
    session.engine.name, session.image_engine, session.made_elsewhere = "docker", "docker", True
    pulled = []
    monkeypatch.setattr(module, "engine_image", lambda ref: None)
    monkeypatch.setattr(module, "pull", lambda ref, console: pulled.append(ref))
    builds(monkeypatch, "sha256:1")
    assert module.image(session) == "env:/here/train-1"
    assert pulled == ["env:/here/train-1"]
