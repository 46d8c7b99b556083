"""What a builder can do, from what buildx says; the builder is a stand-in with words that real ones have said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.engines.docker_socket import DockerSocket
from mlops_ci.images import abilities as module
from mlops_ci.images.abilities import Abilities, BuilderUnreachableError, NoSuchBuilderError, abilities
from mlops_ci.images.builder import Builder, docker_environment
from mlops_ci.process import Finished

CLASSIC = "OCI exporter is not supported for the docker driver. Switch to a different driver, or turn on the containerd"
GONE = "context deadline exceeded"
CLUSTER = (
    'error for bootstrap "team0": Get "http://127.0.0.1:1/apis/apps/v1/namespaces/ci/deployments/team0": '
    "dial tcp 127.0.0.1:1: connect: connection refused"
)
Say = Callable[[Callable[[list[str]], str]], list[list[str]]]


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Say:
    """Lets the builder answer: nothing where it does what it is asked. Gives the questions."""
    asked: list[list[str]] = []

    def install(answer: Callable[[list[str]], str]) -> list[list[str]]:
        def run(argv: list[str], **_: Any) -> Finished:
            asked.append(argv)
            said = answer(argv)
            stderr = f"#0 building\nERROR: {said}\n" if said else ""
            return Finished(
                argv=tuple(argv), shown="", exit_code=int(bool(said)), stdout="", stderr=stderr, seconds=0.1
            )

        monkeypatch.setattr(module.process, "run", run)
        return asked

    monkeypatch.setattr(module, "docker_environment", dict)
    monkeypatch.setattr(module, "probe", lambda: Builder(version="1", entitlements=False))
    monkeypatch.setattr(module, "described", lambda builder: ("Endpoint: tcp://one",))
    monkeypatch.setattr(DockerSocket, "info", lambda self: {"ID": "one"})
    return install


@pytest.mark.parametrize("said", [GONE, CLUSTER])
def test_one_that_could_not_be_asked_is_not_one_that_can_do_nothing(tmp_path: Path, says: Say, said: str) -> None:
    asked = says(lambda argv: said)
    with pytest.raises(BuilderUnreachableError) as caught:
        abilities(tmp_path, "team")
    assert caught.value.exit_code == 10
    assert caught.value.cause == f"the builder team does not build: {said}"
    assert "docker buildx inspect --bootstrap team" in caught.value.hint
    assert len(asked) == 2, "each question may take half a minute"
    assert list(tmp_path.iterdir()) == [], "the next run asks again"


def test_one_that_nobody_made_is_missing(tmp_path: Path, says: Say) -> None:
    says(lambda argv: 'no builder "team" found')
    with pytest.raises(NoSuchBuilderError, match="knows no builder team") as caught:
        abilities(tmp_path, "team")
    assert caught.value.exit_code == 3
    assert "docker buildx create --name team" in caught.value.hint


def test_what_is_refused_by_name_is_kept(tmp_path: Path, says: Say) -> None:
    asked = says(lambda argv: CLASSIC)
    can = abilities(tmp_path)
    assert can == Abilities(repeatable=False, cache=False, attestations=False, why=CLASSIC)
    assert (abilities(tmp_path), len(asked)) == (can, 4)


def test_other_words_are_believed_of_one_that_builds(tmp_path: Path, says: Say) -> None:
    says(lambda argv: "failed to solve: unknown option" if "--provenance" in argv else "")
    can = abilities(tmp_path, "team")
    assert (can.repeatable, can.cache, can.attestations) == (True, True, False)


def test_a_builder_is_looked_for_where_the_user_keeps_builders_and_none_is_chosen_by_a_variable() -> None:
    mine = {"DOCKER_HOST": "unix:///run/mine.sock", "BUILDX_CONFIG": "/home/me/builders", "BUILDX_BUILDER": "other"}
    found = docker_environment(mine)
    assert (found["BUILDX_CONFIG"], "BUILDX_BUILDER" in found) == ("/home/me/builders", False)
