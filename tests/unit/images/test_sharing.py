"""Two jobs that build one key end with one image, and readable tags go only on what was pushed."""

from pathlib import Path

import pytest

from mlops_ci.images import docker_build, engine_store, transfer
from mlops_ci.images.lookup import ImageFacts
from mlops_ci.images.plan import LayerPlan, plan_images
from support.image_builds import image_build
from support.image_projects import KnownImages, make_settings

OURS, THEIRS = "sha256:" + "a" * 64, "sha256:" + "b" * 64


class Shared:
    """A registry that answers one question after another, and remembers what was done."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.done: list[str] = []

    def __call__(self, ref: str) -> ImageFacts | None:
        digest = self.answers.pop(0)
        return ImageFacts(digest=digest) if digest else None

    def tag(self, ref: str, name: str) -> str:
        self.done.append(f"{ref.rpartition('@')[2][:9]} {name}")
        return OURS


def share(root: Path, monkeypatch: pytest.MonkeyPatch, registry: Shared, **image: object) -> tuple[str, bool]:
    settings = make_settings(root, image={"registry": "r.invalid/team", "layer": "torch", **image})
    plan: LayerPlan = plan_images(settings, engine="docker", variant="cpu", lookup=KnownImages())[-1]
    monkeypatch.setattr(transfer, "push", lambda ref, console: registry.done.append("push") or OURS)
    monkeypatch.setattr(transfer, "pull", lambda ref, console: registry.done.append("pull"))
    monkeypatch.setattr(docker_build, "Registry", lambda **_: registry)
    return image_build(settings, registry)._share(plan, ImageFacts(digest=OURS))


@pytest.mark.parametrize(
    ("answers", "result", "done"),
    [
        ((None, OURS), (OURS, True), ["push"]),
        ((THEIRS,), (THEIRS, False), ["pull"]),
        # They were slower in asking and faster in pushing, or the other way round: theirs is what stands there.
        ((None, THEIRS), (THEIRS, False), ["push", "pull"]),
    ],
)
def test_a_race_for_one_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: tuple[str | None, ...], result: object, done: list[str]
) -> None:
    registry = Shared(*answers)
    assert share(tmp_path, monkeypatch, registry) == result
    assert registry.done == done


def test_readable_tags_are_given_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Shared(None, OURS)
    share(tmp_path, monkeypatch, registry, tags=True)
    assert registry.done[:2] == ["push", "sha256:aa v2.13-cpu"]
    assert registry.done[2].startswith("sha256:aa v2.13-cpu-20")
    loser = Shared(None, THEIRS)
    share(tmp_path, monkeypatch, loser, tags=True)
    assert loser.done == ["push", "pull"]


def test_the_next_layer_stands_on_the_image_that_all_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = ImageFacts(digest="sha256:" + "c" * 64)
    monkeypatch.setattr(engine_store, "engine_image", lambda ref: theirs)
    settings = make_settings(tmp_path, image={"registry": "r.invalid/team", "layer": "torch"})
    plan = plan_images(settings, engine="docker", variant="cpu", lookup=KnownImages())[-1]
    build = image_build(settings, KnownImages())
    ours = ImageFacts(digest=OURS)
    assert build._shared(plan, ours, THEIRS, built=False) == theirs
    assert build._shared(plan, ours, OURS, built=True) == ours
