"""How buildx is called: through `docker`, by itself, and for a builder that is given by its address."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci.images import builder
from mlops_ci.images.builder import BuilderAddressError, buildx, described, known_as
from mlops_ci.process import Finished

ADDRESS = "tcp://buildkitd:1234"


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    known_as.cache_clear()
    yield
    known_as.cache_clear()


def test_docker_comes_first_then_buildx_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / name) for name in ("one", "two")))
    monkeypatch.setattr(builder, "PLUGINS", (str(tmp_path / "plugins"),))
    assert buildx("version") == ["docker", "buildx", "version"], "whose absence is what the error then says"
    plugin = program(tmp_path / "plugins" / "docker-buildx")
    assert buildx("version") == [str(plugin), "version"]
    alone = program(tmp_path / "two" / "buildx")
    assert buildx("version") == [str(alone), "version"]
    program(tmp_path / "one" / "docker")
    assert buildx("bake", "--help") == ["docker", "buildx", "bake", "--help"]


def answers(monkeypatch: pytest.MonkeyPatch, code: int = 0, out: str = "", err: str = "") -> list[tuple[str, ...]]:
    asked: list[tuple[str, ...]] = []

    def ask(*words: str) -> Finished:
        asked.append(words)
        return Finished(argv=words, shown="", exit_code=code, stdout=out, stderr=err, seconds=0.1)

    monkeypatch.setattr(builder, "_ask", ask)
    return asked


def test_one_by_its_address_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answers(monkeypatch)
    name = known_as(ADDRESS)
    assert known_as(ADDRESS) == name
    assert asked == [("create", "--name", name, "--driver", "remote", ADDRESS)]
    assert known_as("tcp://another:1234") != name


def test_one_that_an_earlier_job_made_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, code=1, err='ERROR: existing instance for "mlops-ci-1" but no append mode')
    assert known_as(ADDRESS).startswith("mlops-ci-")


def test_a_name_is_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answers(monkeypatch)
    assert (known_as("team-buildkit"), asked) == ("team-buildkit", [])


def test_an_address_that_buildx_does_not_take_is_an_error_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers(monkeypatch, code=1, err="ERROR: unsupported protocol")
    with pytest.raises(BuilderAddressError, match="buildx makes no builder for http") as caught:
        known_as("http://buildkitd")
    assert caught.value.exit_code == 2
    assert caught.value.details == ("ERROR: unsupported protocol",)


def test_what_a_kept_answer_is_about_does_not_change_with_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "Name: team\nDriver: remote\nLast Activity: {}\n\nNodes:\nEndpoint: tcp://b:1\nBuildkit: v0.13\n"
    answers(monkeypatch, out=said.format("2026-11-26"))
    first = described("team")
    answers(monkeypatch, out=said.format("2026-11-27"))
    assert described("team") == first == ("Driver: remote", "Endpoint: tcp://b:1", "Buildkit: v0.13")
