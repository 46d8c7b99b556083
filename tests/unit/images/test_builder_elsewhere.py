"""A builder that is not the engine: what it is called with, and what it cannot be given. The builder is a stand-in."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.console import Console
from mlops_ci.images import catalogue, docker_build, transfer
from mlops_ci.images.abilities import Abilities
from mlops_ci.images.docker_build import BuilderNeedsRegistryError, DockerBuild
from mlops_ci.images.lookup import ImageFacts
from mlops_ci.images.plan import plan_images
from mlops_ci.images.sources import package_sources
from mlops_ci.process import Finished
from support.heard import Heard
from support.image_projects import KnownImages, make_settings

ALL = Abilities(repeatable=True, cache=True, attestations=True)
DIGEST = "sha256:" + "d" * 64


class Allowed:
    """What the builder must be told it may read: nothing."""

    def allow(self, paths: tuple[Path, ...]) -> list[str]:
        return []


def build(root: Path, *, registry: str | None, mirror: str | None = None) -> tuple[DockerBuild, Any]:
    image = {"registry": registry, "layer": "python", "builder": "team-buildkit"}
    mirrors = {"images": {catalogue.load().base.name: mirror}} if mirror else {}
    settings = make_settings(root, image=image, mirrors=mirrors)
    lookup = KnownImages({mirror: ImageFacts(digest=DIGEST)} if mirror else {})
    variant = catalogue.load().variants["2.13-cpu"]
    made = DockerBuild(
        settings=settings,
        variant=variant,
        cache=root,
        console=Console(Heard()),
        packages=package_sources(settings.tables.mirrors, variant, root=root),
        lookup=lambda ref: ImageFacts(digest=DIGEST),
    )
    return made, plan_images(settings, engine="docker", variant="cpu", lookup=lookup)


def test_it_pushes_each_layer_on_its_parents_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[list[str], dict[str, Any]]] = []
    made, plans = build(tmp_path, registry="r.invalid/team")
    keys = {plan.ref: plan.content_key for plan in plans}

    def run(argv: list[Any], **_: Any) -> Finished:
        words = [str(word) for word in argv]
        (target,) = json.loads(Path(words[words.index("--file") + 1]).read_text())["target"].values()
        calls.append((words, target))
        metadata = {words[-1]: {"containerimage.digest": DIGEST}}
        Path(words[words.index("--metadata-file") + 1]).write_text(json.dumps(metadata))
        return Finished(argv=tuple(words), shown="", exit_code=0, stdout="", stderr="", seconds=0.1)

    monkeypatch.setattr(docker_build.process, "run", run)
    monkeypatch.setattr(docker_build, "abilities", lambda folder, builder: ALL)
    monkeypatch.setattr(docker_build, "probe", Allowed)
    monkeypatch.setattr(docker_build, "docker_environment", dict)
    monkeypatch.setattr(transfer, "pull", lambda ref, console: None)
    monkeypatch.setattr(
        docker_build,
        "engine_image",
        lambda ref: ImageFacts(digest=DIGEST, labels={docker_build.content_key.LABEL: keys[ref]}),
    )
    monkeypatch.setattr(docker_build.sizes, "unpacked_bytes", len)
    images = made.run(plans)
    assert [image.digest for image in images.values()] == [DIGEST, DIGEST]
    assert all(words[words.index("--builder") + 1] == "team-buildkit" for words, _ in calls)
    assert all("push=true" in target["output"][0] for _, target in calls)
    assert calls[1][1]["args"]["BASE_IMAGE"] == f"{plans[0].ref}@{DIGEST}"


def test_without_a_registry_it_has_no_place_for_images(tmp_path: Path) -> None:
    made, plans = build(tmp_path, registry=None)
    with pytest.raises(BuilderNeedsRegistryError, match="no place to put images") as caught:
        made.run(plans)
    assert caught.value.exit_code == 2


def test_a_base_image_of_the_engine_is_none_for_it(tmp_path: Path) -> None:
    made, plans = build(tmp_path, registry="r.invalid/team", mirror="ours/debian:1")
    with pytest.raises(BuilderNeedsRegistryError, match="in this engine alone"):
        made.run(plans)
