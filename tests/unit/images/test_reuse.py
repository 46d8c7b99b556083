"""An image that only its registry has is brought here for those who use it, and for nobody else."""

from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci.console import Console
from mlops_ci.images import docker_build, transfer
from mlops_ci.images.lookup import ImageFacts
from mlops_ci.images.plan import plan_images
from support.image_builds import image_build
from support.image_projects import KnownImages, make_settings

DIGEST = "sha256:" + "a" * 64
LAYERS = ("sha256:" + "c" * 64,)


@pytest.mark.parametrize(("here", "pulled", "size"), [(True, ["train"], 7), (False, [], 0)])
def test_who_needs_it_pulls_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: bool, pulled: list[str], size: int
) -> None:
    settings = make_settings(tmp_path, image={"registry": "r.invalid/team"})
    plans = plan_images(settings, engine="docker", variant="cpu", lookup=KnownImages())
    top = replace(plans[-1], found=ImageFacts(digest=DIGEST), action="reuse")
    asked: list[str] = []

    def pull(ref: str, console: Console) -> ImageFacts:
        asked.append(ref)
        return ImageFacts(digest=DIGEST, bytes=7, layers=LAYERS)

    monkeypatch.setattr(transfer, "pull", pull)
    monkeypatch.setattr(docker_build, "engine_image", lambda ref: None)
    images = image_build(settings, KnownImages(), here=here).run((*plans[:-1], top))
    assert asked == [plan.ref for plan in plans if plan.name in pulled]
    assert (images["train"].digest, images["train"].built, images["train"].bytes) == (DIGEST, False, size)
