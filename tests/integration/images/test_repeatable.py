"""Equal inputs give equal layers where the builder can (containerd's store); and where two images differ is said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.commands import image_look
from mlops_ci.console import Console
from mlops_ci.images import docker_build, transfer
from mlops_ci.images.abilities import Abilities, abilities, archive_output
from mlops_ci.images.build_failure import BuildDiskFullError
from mlops_ci.images.delivery import Delivery
from mlops_ci.images.lookup import DockerLookup, engine_image
from support.image_builds import Built, ImageProject

FULL = Path("/dev/full")
HEAD = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nUSER 0:0\n"
Docker = Callable[..., str]


@pytest.fixture
def containerd(project: ImageProject, docker_host_containerd: str, monkeypatch: pytest.MonkeyPatch) -> ImageProject:
    monkeypatch.setenv("DOCKER_HOST", docker_host_containerd)
    return project


def from_scratch(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on no step is taken from an earlier build."""
    real = docker_build.DockerBuild._call

    def uncached(self: Any, spec: Any, ready: Any, *, cached: bool) -> None:
        real(self, spec, ready, cached=False)

    monkeypatch.setattr(docker_build.DockerBuild, "_call", uncached)


def layers(built: Built) -> tuple[str, ...]:
    found = engine_image(built.ref)
    assert found is not None
    return found.layers


def test_a_builder_shows_what_it_can(
    project: ImageProject, docker_host_containerd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    classic = abilities(project.root / "classic")
    assert (classic.repeatable, classic.cache, classic.attestations) == (False, False, False)
    assert "docker driver" in classic.why
    monkeypatch.setenv("DOCKER_HOST", docker_host_containerd)
    new = abilities(project.root / "classic")
    assert new == Abilities(repeatable=True, cache=True, attestations=True), "another engine is asked anew"
    monkeypatch.setenv("PATH", "/nowhere")
    assert abilities(project.root / "classic") == new, "the answer is kept"


def test_a_build_from_scratch_gives_the_layers_of_an_earlier_one(
    containerd: ImageProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's packages, Python's bytecode, our own user: everything that a time or a hash seed could get into."""
    # Made now, or by another test of this session.
    first = containerd.build(layer="python")
    before = layers(first)
    from_scratch(monkeypatch)
    for plan in reversed(first.plans):
        transfer.remove(plan.ref, Console(containerd.sink))
    second = containerd.build(layer="python")
    assert [image.built for image in second.images.values()] == [True, True]
    assert layers(second) == before
    assert second.images["python"].digest == first.images["python"].digest, "the whole image, not only its layers"


def test_which_file_differs_is_said(
    containerd: ImageProject, docker: Docker, docker_host_containerd: str, capsys: pytest.CaptureFixture[str]
) -> None:
    refs = []
    for text in ("one", "two"):
        containerd.write(Dockerfile=f"{HEAD}RUN echo {text} > /opt/differs; echo same > /opt/same\nUSER 10001:10001\n")
        refs.append(containerd.build(layer="python", dockerfile="Dockerfile").ref)
    capsys.readouterr()
    assert image_look.compare(*refs, as_json=False) == 1
    said = capsys.readouterr().out
    assert "  /opt/differs: content" in said
    assert "/opt/same" not in said
    assert image_look.compare(refs[0], refs[0], as_json=False) == 0
    docker("--host", docker_host_containerd, "rmi", *refs)


def test_a_disk_that_fills_during_the_export(containerd: ImageProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive goes where every write finds the disk full; the builder is the real one."""
    containerd.build(layer="base")
    containerd.write(Dockerfile=f"{HEAD}USER 10001:10001\n")
    with monkeypatch.context() as patch:
        full = Delivery(output=archive_output(FULL), archive=FULL)
        patch.setattr(docker_build, "delivery", lambda *_, **__: full)
        with pytest.raises(BuildDiskFullError, match="no space left for the layer project") as caught:
            containerd.build(layer="base", dockerfile="Dockerfile")
    assert caught.value.exit_code == 10
    assert containerd.build(layer="base", dockerfile="Dockerfile").images["project"].built


def test_steps_are_cached_in_the_registry(
    containerd: ImageProject, docker: Docker, docker_host_containerd: str, image_registry: str
) -> None:
    containerd.write(Dockerfile=f"{HEAD}RUN echo {containerd.name} > /x\nUSER 10001:10001\n")
    built = containerd.build(layer="base", dockerfile="Dockerfile", registry=f"{image_registry}/{containerd.name}")
    cached = f"{built.ref.rpartition(':')[0]}:cache-2.13-cpu"
    assert DockerLookup()(cached) is not None
    docker("--host", docker_host_containerd, "rmi", *(plan.ref for plan in built.plans))
