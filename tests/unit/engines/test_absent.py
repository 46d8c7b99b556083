"""No container engine: refused where one is needed, and no matter where another builder makes the images."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_ci.console import Console
from mlops_ci.engines.absent import AbsentDocker
from mlops_ci.engines.base import Engine, EngineUnavailableError, Job
from mlops_ci.engines.docker import DockerEngine
from mlops_ci.engines.select import ENGINE_ALONE, Elsewhere, EngineChoiceError, choose
from support.heard import Heard

REASON = "no Docker engine listens at unix:///nothing.sock"
BOTH = Elsewhere(builder="team-buildkit", registry="r.invalid/team")
NO_PLACE = Elsewhere(builder="team-buildkit", registry=None)


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DockerEngine, "available", lambda self: REASON)


def chosen(name: str, folder: Path, elsewhere: Elsewhere = ENGINE_ALONE, heard: Heard | None = None) -> Engine:
    return choose(name, local=False, project=folder, console=Console(heard or Heard()), elsewhere=elsewhere)


def test_what_runs_no_job_goes_on(tmp_path: Path) -> None:
    heard = Heard()
    engine = chosen("docker", tmp_path, BOTH, heard)
    said = " ".join(heard.lines)
    assert isinstance(engine, AbsentDocker)
    assert (engine.name, engine.available(), engine.sweep()) == ("docker", None, 0)
    assert REASON in said
    assert "team-buildkit" in said
    assert "r.invalid/team" in said


def test_a_job_is_refused_with_what_to_do(tmp_path: Path) -> None:
    engine = chosen("docker", tmp_path, BOTH)
    job = Job(run="r", stage="train", ref="r.invalid/team/train:1", task={}, mounts=())
    with pytest.raises(EngineUnavailableError, match="train runs in an image") as caught:
        engine.run(job, print)
    assert caught.value.exit_code == 3
    assert REASON in caught.value.cause
    assert "--engine inside" in caught.value.hint


def test_without_another_builder_an_engine_is_needed(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailableError, match="cannot be used") as caught:
        chosen("docker", tmp_path)
    assert "[image] builder and registry" in caught.value.hint


@pytest.mark.parametrize("name", ["docker", "inside"])
def test_a_builder_without_a_place_for_images_is_an_error_of_the_configuration(tmp_path: Path, name: str) -> None:
    with pytest.raises(EngineChoiceError, match="no place to put them") as caught:
        chosen(name, tmp_path, NO_PLACE)
    assert caught.value.exit_code == 2
    assert "set [image] registry" in caught.value.hint


def test_an_engine_that_answers_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DockerEngine, "available", lambda self: None)
    assert isinstance(chosen("docker", tmp_path, BOTH), DockerEngine)
