"""A builder that is not the engine: what it is called with, and what it cannot be given. The builder is a stand-in."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.images import catalogue, docker_build
from mlops_ci.images.abilities import Abilities
from mlops_ci.images.bake import Bake
from mlops_ci.images.docker_build import DockerBuild
from mlops_ci.images.look import Inventory
from mlops_ci.images.lookup import BuilderNeedsRegistryError, DockerLookup, ImageFacts
from mlops_ci.images.plan import LayerPlan, plan_images
from mlops_ci.images.sizes import ImageTooBigError
from mlops_ci.images.store import Description
from mlops_ci.process import Finished
from support.image_builds import image_build
from support.image_projects import KnownImages, make_settings

ALL = Abilities(repeatable=True, cache=True, attestations=True)
DIGEST = "sha256:" + "d" * 64


class Allowed:
    """What the builder must be told it may read: nothing."""

    def allow(self, paths: tuple[Path, ...]) -> list[str]:
        return []


@dataclass
class Pushed:
    """A registry: what was pushed to it by digest alone, and what names it has. It is its own lookup and store."""

    place: str = "its registry"
    sizes: dict[str, int] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    quicker: dict[str, str] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)

    def __call__(self, ref: str) -> ImageFacts | None:
        digest = self.names.get(ref)
        return ImageFacts(digest=digest) if digest else None

    def tag(self, ref: str, name: str) -> str:
        repository, _, digest = ref.partition("@")
        self.names[f"{repository}:{name}"] = digest
        return digest

    def facts(self, ref: str) -> ImageFacts | None:
        return ImageFacts(digest=ref.rpartition("@")[2], layers=("sha256:" + "e" * 64,))

    def parent(self, ref: str, facts: ImageFacts, digest: str) -> str:
        return f"{ref}@{digest}"

    def received(self, plan: LayerPlan, ready: Bake) -> ImageFacts:
        if plan.name in self.quicker:
            self.names[plan.ref] = self.quicker[plan.name]
        return ImageFacts(digest=DIGEST, layers=("sha256:" + "e" * 64,))

    def own_bytes(self, name: str, facts: ImageFacts, below: ImageFacts | None) -> int:
        return self.sizes.get(name, 1)

    def forget(self, ref: str) -> None:
        self.forgotten.append(ref)

    def described(self, ref: str) -> Description | None:
        raise AssertionError(f"a build does not ask what {ref} says of itself")

    def look(self, ref: str, *, digests: bool = False) -> Inventory:
        raise AssertionError(f"a build does not look into {ref}")

    def unpacked(self, refs: Sequence[str]) -> tuple[int, ...]:
        raise AssertionError(f"a build weighs what is new in an image, not all of {refs}")


def build(
    root: Path, *, registry: str | None, mirror: str | None = None, store: Pushed | None = None
) -> tuple[DockerBuild, Any]:
    image = {"registry": registry, "layer": "python", "builder": "team-buildkit"}
    mirrors = {"images": {catalogue.load().base.name: mirror}} if mirror else {}
    settings = make_settings(root, image=image, mirrors=mirrors)
    lookup = KnownImages({mirror: ImageFacts(digest=DIGEST)} if mirror else {})
    kept = store or Pushed()
    return image_build(settings, kept, kept), plan_images(settings, engine="docker", variant="cpu", lookup=lookup)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, Any]]]:
    """The calls of the builder, each with the target that it was given. It asks no engine: there is none."""
    found: list[tuple[list[str], dict[str, Any]]] = []

    def run(argv: list[Any], **_: Any) -> Finished:
        words = [str(word) for word in argv]
        (target,) = json.loads(Path(words[words.index("--file") + 1]).read_text())["target"].values()
        found.append((words, target))
        return Finished(argv=tuple(words), shown="", exit_code=0, stdout="", stderr="", seconds=0.1)

    monkeypatch.setattr(docker_build.process, "run", run)
    monkeypatch.setattr(docker_build, "abilities", lambda folder, builder: ALL)
    monkeypatch.setattr(docker_build, "probe", Allowed)
    monkeypatch.setattr(docker_build, "docker_environment", dict)
    monkeypatch.delattr(docker_build, "engine_image")
    return found


def test_it_pushes_each_layer_on_its_parents_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: list[tuple[list[str], dict[str, Any]]]
) -> None:
    store = Pushed()
    made, plans = build(tmp_path, registry="r.invalid/team", store=store)
    monkeypatch.setattr(docker_build, "Registry", lambda **_: store)
    images = made.run(plans)
    assert [(image.digest, image.built) for image in images.values()] == [(DIGEST, True), (DIGEST, True)]
    assert all(words[words.index("--builder") + 1] == "team-buildkit" for words, _ in calls)
    assert all({"push=true", "push-by-digest=true"} <= set(target["output"][0].split(",")) for _, target in calls)
    assert all(target["tags"] == [] for _, target in calls), "it gets its name when it has been looked at"
    assert store.names == {plan.ref: DIGEST for plan in plans}
    assert calls[1][1]["args"]["BASE_IMAGE"] == f"{plans[0].ref}@{DIGEST}"


def test_one_that_is_too_big_never_has_the_name_that_others_look_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: list[Any]
) -> None:
    store = Pushed(sizes={"r.invalid/team/base": 10**12})
    made, plans = build(tmp_path, registry="r.invalid/team", store=store)
    monkeypatch.setattr(docker_build, "Registry", lambda **_: store)
    with pytest.raises(ImageTooBigError):
        made.run(plans)
    assert (store.names, store.forgotten) == ({}, [plans[0].ref])


def test_who_comes_second_builds_on_what_the_registry_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: list[tuple[list[str], dict[str, Any]]]
) -> None:
    theirs = "sha256:" + "f" * 64
    store = Pushed(quicker={"base": theirs})
    made, plans = build(tmp_path, registry="r.invalid/team", store=store)
    monkeypatch.setattr(docker_build, "Registry", lambda **_: store)
    images = made.run(plans)
    assert (images["base"].digest, images["base"].built) == (theirs, False)
    assert store.names[plans[0].ref] == theirs, "theirs keeps its name"
    assert calls[1][1]["args"]["BASE_IMAGE"] == f"{plans[0].ref}@{theirs}"
    assert calls[1][1]["args"]["PARENT"] == theirs


def test_without_a_registry_it_has_no_place_for_images(tmp_path: Path) -> None:
    made, plans = build(tmp_path, registry=None)
    with pytest.raises(BuilderNeedsRegistryError, match="no place to put images") as caught:
        made.run(plans)
    assert caught.value.exit_code == 2


def test_a_base_image_of_the_engine_is_none_for_it(tmp_path: Path) -> None:
    made, plans = build(tmp_path, registry="r.invalid/team", mirror="ours/debian:1")
    with pytest.raises(BuilderNeedsRegistryError, match="in this engine alone"):
        made.run(plans)


def test_a_name_without_a_registry_is_no_question_for_an_engine() -> None:
    with pytest.raises(BuilderNeedsRegistryError, match="names no registry") as caught:
        DockerLookup(engine=False)("ours/debian:1")
    assert caught.value.exit_code == 2
