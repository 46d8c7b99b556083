"""Images that a registry shares between machines: asked, pulled, pushed; and a registry that can't be asked."""

import secrets
from collections.abc import Callable
from dataclasses import replace

import pytest

from mlops_ci.console import Console
from mlops_ci.images import docker_build, transfer
from mlops_ci.images.lookup import DockerLookup, ImageFacts
from mlops_ci.registry import client
from mlops_ci.registry.client import RegistryUnreachableError
from support.cutting_proxy import cutting_proxy
from support.image_builds import ImageProject

Docker = Callable[..., str]


@pytest.fixture
def registry(image_registry: str) -> str:
    """A prefix in the registry that no other test uses."""
    return f"{image_registry}/{secrets.token_hex(4)}"


def test_pushed_then_found_then_pulled(
    light: ImageProject, docker: Docker, image_registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    push = transfer.push
    with cutting_proxy(f"http://{image_registry.partition('/')[0]}") as proxy:
        registry = f"localhost:{proxy.listener.getsockname()[1]}/{secrets.token_hex(4)}"

        def interrupted(ref: str, console: Console) -> str:
            proxy.cuts = proxy.cut + 1
            return push(ref, console)

        monkeypatch.setattr(transfer, "push", interrupted)
        _pushed_then_found_then_pulled(light, docker, registry)
        assert proxy.cut > 0, "a push was cut off, and came through all the same"


def _pushed_then_found_then_pulled(project: ImageProject, docker: Docker, registry: str) -> None:
    first = project.build(layer="python", registry=registry)
    assert first.images["python"].built
    assert DockerLookup()(first.ref) == ImageFacts(digest=first.images["python"].digest)
    docker("rmi", first.ref)
    second = project.build(layer="python", registry=registry)
    assert not second.images["python"].built
    assert second.images["python"].digest == first.images["python"].digest
    assert second.images["python"].bytes == first.images["python"].bytes
    assert docker("run", "--rm", second.ref, "python", "--version").startswith("Python 3.11.")
    third = project.build(layer="python", registry=registry)
    assert not [line for line in project.sink.lines if "pulling" in line]
    assert third.images["python"].digest == first.images["python"].digest
    # By the registry's digest, not by the engine's id: signatures and provenance name them by it.
    assert third.images["base"].digest == first.images["base"].digest == DockerLookup()(first.images["base"].ref).digest


def test_who_comes_second_takes_the_winners_image(
    project: ImageProject, docker: Docker, registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    winner = project.build(layer="base", registry=registry)
    docker("rmi", winner.ref)
    real = docker_build.DockerBuild.run

    def not_yet_there(self, plans):
        return real(self, [replace(plan, found=None, action="build") for plan in plans])

    monkeypatch.setattr(docker_build.DockerBuild, "run", not_yet_there)
    second = project.build(layer="base", registry=registry)
    assert not second.images["base"].built
    assert second.images["base"].digest == winner.images["base"].digest


def test_a_registry_that_cannot_be_asked_stops_everything(
    project: ImageProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "retry", lambda call, **_: call())
    with pytest.raises(RegistryUnreachableError) as caught:
        project.build(layer="base", registry="localhost:9/images")
    assert caught.value.exit_code == 10
    assert not (project.root / ".mlops" / "cache" / "builds").exists()
