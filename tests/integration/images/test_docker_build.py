"""Images on a real engine: built once, reused without a builder, on the parent that was named."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.commands import image_look
from mlops_ci.console import Console
from mlops_ci.engines.docker_socket import DockerUnreachableError
from mlops_ci.images import content_key, hardening
from mlops_ci.images.build_failure import DockerfileBuildError, RequirementsBuildError
from mlops_ci.images.docker_build import ImageReplacedError
from mlops_ci.images.engine_store import EngineStore
from mlops_ci.images.lookup import engine_image
from support.heard import Heard
from support.image_builds import ImageProject
from support.image_projects import write_wheel

HERE = EngineStore(console=Console(Heard()))
HEAD = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n"
Inspect = Callable[[str], dict[str, Any]]
Docker = Callable[..., str]


def test_built_once_then_no_builder_is_started(
    project: ImageProject, inspect: Inspect, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = project.build(layer="base")
    facts = inspect(first.ref)
    assert first.images["base"].digest == facts["Id"]
    assert first.images["base"].bytes == facts["Size"]
    assert facts["Config"]["Labels"]["io.mlops-ci.content-key"] == first.plans[-1].content_key
    # Without a PATH no `docker` command can be found: whatever still works did not need one.
    monkeypatch.setenv("PATH", "")
    second = project.build(layer="base")
    assert not second.images["base"].built
    assert second.images["base"].digest == first.images["base"].digest
    assert len(project.asked) == len(set(project.asked)) == 2, "the base image that a tag names, and our own image"


def test_the_users_dockerfile_is_a_layer(project: ImageProject, inspect: Inspect, docker: Docker) -> None:
    project.write(Dockerfile=HEAD + "COPY *.txt /opt/demo/\n", a__txt="a", b__txt="b", __dockerignore="b.txt\n")
    built = project.build(layer="base", dockerfile="Dockerfile")
    below, top = inspect(built.images["base"].ref), inspect(built.ref)
    assert top["RootFS"]["Layers"][: len(below["RootFS"]["Layers"])] == below["RootFS"]["Layers"]
    assert docker("run", "--rm", built.ref, "ls", "/opt/demo").strip() == "a.txt"
    (project.root / "b.txt").write_text("ignored, so nothing changes")
    assert not project.build(layer="base", dockerfile="Dockerfile").images["project"].built
    (project.root / "a.txt").write_text("changed")
    again = project.build(layer="base", dockerfile="Dockerfile")
    assert {name: image.built for name, image in again.images.items()} == {"base": False, "project": True}
    assert again.plans[-1].why == "changed: file a.txt: its content changed"


@pytest.mark.parametrize(
    ("text", "line", "details"),
    [
        (HEAD + "USER 0\nRUN echo first \\\n  && echo second \\\n  && exit 7\n", 4, ("first", "second")),
        (HEAD + "RUNN echo\n", 3, ()),
        (HEAD + "COPY no-such-file /x\n", 3, ()),
    ],
)
def test_a_broken_dockerfile_is_the_users(
    project: ImageProject, text: str, line: int, details: tuple[str, ...]
) -> None:
    project.write(Dockerfile=text)
    with pytest.raises(DockerfileBuildError) as caught:
        project.build(layer="base", dockerfile="Dockerfile")
    assert caught.value.exit_code == 20
    assert caught.value.cause.startswith(f"Dockerfile:{line}: ")
    assert set(details) <= set(caught.value.details)
    assert any("✗ building the layer project" in text for text in project.sink.lines)
    assert engine_image(f"mlops-ci/{project.name}/project") is None


def test_debian_packages_local_wheels_and_the_code_are_layers(
    project: ImageProject, docker: Docker, tmp_path: Path
) -> None:
    name = f"mine-{secrets.token_hex(4)}"
    write_wheel(tmp_path / "wheels", name, "1.0", files={"mine.py": "answer = 42\n"})
    project.write(requirements__txt=f"{name}\n")
    built = project.build(
        layer="python", requirements="requirements.txt", apt=("tzdata",), code=True, mirrors={"find_links": ("wheels",)}
    )
    assert [*built.images] == ["base", "python", "requirements", "code"]
    assert docker("run", "--rm", built.ref, "python", "-c", "import mine; print(mine.answer)").strip() == "42"
    assert docker("run", "--rm", built.ref, "cat", "/opt/project/requirements.txt").strip() == name
    assert "install ok" in docker("run", "--rm", built.ref, "dpkg", "--status", "tzdata")
    for layer in ("requirements", "code"):
        assert hardening.breaches(image_look.subject(built.images[layer].ref, HERE)) == ()


@pytest.mark.parametrize(
    ("image", "text"),
    [
        ({"requirements": "requirements.txt"}, "No matching distribution found for nosuchpackage-of-ours==9"),
        ({"apt": ("no-such-package-of-ours",)}, "Unable to locate package no-such-package-of-ours"),
    ],
)
def test_what_cannot_be_installed_is_the_users(project: ImageProject, image: dict[str, Any], text: str) -> None:
    project.write(requirements__txt="nosuchpackage-of-ours==9\n")
    with pytest.raises(RequirementsBuildError) as caught:
        project.build(layer="python", **image)
    assert caught.value.exit_code == 20
    assert text in "\n".join(caught.value.details)


def test_two_projects_with_one_cache_build_the_same_layer_at_once(project: ImageProject, tmp_path: Path) -> None:
    roots = [tmp_path / name for name in ("one", "two")]
    both = [replace(project, root=root, cache=tmp_path / "cache") for root in roots]
    for one in both:
        one.root.mkdir()
        one.write(Dockerfile=HEAD + "RUN sleep 1; true # two at once\n")
    with ThreadPoolExecutor() as pool:
        built = list(pool.map(lambda one: one.build(layer="base", dockerfile="Dockerfile"), both))
    assert built[0].ref == built[1].ref
    assert engine_image(built[0].ref) is not None


def test_a_tag_that_was_moved_is_not_reused(project: ImageProject, docker: Docker, base_image: str) -> None:
    project.write(Dockerfile=HEAD + "RUN true\n")
    built = project.build(layer="base", dockerfile="Dockerfile")
    project.write(Dockerfile=HEAD + "USER 0\nRUN echo other > /other\nUSER 10001\n")
    other = project.build(layer="base", dockerfile="Dockerfile")
    docker("tag", other.ref, built.ref)
    project.write(Dockerfile=HEAD + "RUN true\n")
    again = project.build(layer="base", dockerfile="Dockerfile")
    assert again.images["project"].built
    assert again.images["project"].digest != other.images["project"].digest
    assert "other" not in docker("run", "--rm", again.ref, "ls", "/")
    assert again.ref == built.ref


@pytest.fixture
def own_engine(docker: Docker, docker_host_containerd: str, monkeypatch: pytest.MonkeyPatch) -> Docker:
    """The engine of no whole run: tags of layers that all projects share may be moved there."""
    monkeypatch.setenv("DOCKER_HOST", docker_host_containerd)
    return partial(docker, "--host", docker_host_containerd)


def test_a_tag_on_an_image_that_is_not_ours_is_not_reused(
    project: ImageProject, own_engine: Docker, base_image: str
) -> None:
    built = project.build(layer="base")
    own_engine("tag", base_image, built.ref)
    again = project.build(layer="base")
    assert again.images["base"].built
    assert own_engine("run", "--rm", again.ref, "cat", "/etc/debian_version").startswith("12")


def test_a_parent_that_changes_in_between_is_noticed(
    project: ImageProject, own_engine: Docker, base_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlops_ci.images import docker_build

    ref = project.build(layer="base").ref
    real = docker_build.bake.prepare

    def meddle(*arguments: Any, **more: Any) -> Any:
        own_engine("tag", base_image, ref)
        return real(*arguments, **more)

    monkeypatch.setattr(docker_build.bake, "prepare", meddle)
    project.write(Dockerfile=HEAD + "RUN true # meddled\n")
    with pytest.raises(ImageReplacedError) as caught:
        project.build(layer="base", dockerfile="Dockerfile")
    assert caught.value.exit_code == 10
    own_engine("rmi", ref)


def test_no_engine_is_not_an_absent_image(project: ImageProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{project.root}/none.sock")
    with pytest.raises(DockerUnreachableError) as caught:
        project.build(layer="base")
    assert caught.value.exit_code == 10


def test_images_are_built_with_containerds_store_too(
    project: ImageProject, docker_host_containerd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker_host_containerd)
    project.write(Dockerfile=HEAD + "RUN true\n")
    built = project.build(layer="base", dockerfile="Dockerfile")
    assert built.images["project"].built
    again = project.build(layer="base", dockerfile="Dockerfile")
    assert [image.built for image in again.images.values()] == [False, False]


def test_a_step_is_not_taken_from_an_equal_parent(
    project: ImageProject, docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same files in two bases with other times: the builder would reuse the step, with the first base below it."""
    project.write(Dockerfile=HEAD + "USER 0\nRUN echo step > /step\nUSER 10001\n")
    for period in ("first", "second"):
        monkeypatch.setattr(content_key, "epoch", lambda _, period=period: f"{project.name}-{period}")
        built = project.build(layer="base", dockerfile="Dockerfile")
        assert built.images["base"].built
        assert built.images["project"].built
        below, top = engine_image(built.images["base"].ref), engine_image(built.ref)
        assert below is not None
        assert top is not None
        assert top.layers[: len(below.layers)] == below.layers
