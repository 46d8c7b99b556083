"""images.lock: what it records, what plan says of it, and what it finds out."""

from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci.images import catalogue, differences, images_lock
from mlops_ci.images.images_lock import ImagesLockError, LockedDigestError
from mlops_ci.images.lookup import ImageFacts
from mlops_ci.images.plan import LayerPlan, plan_images
from support.image_projects import KnownImages, make_settings

DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def plan(root: Path, lookup: KnownImages | None = None, **image: object) -> tuple[LayerPlan, ...]:
    settings = make_settings(root, image={"registry": "r.invalid/team", **image})
    return plan_images(settings, engine="docker", variant="cpu", lookup=lookup or KnownImages())


def locked(plans: tuple[LayerPlan, ...]) -> dict[str, images_lock.LockedImage]:
    return {
        images_lock.key("docker", "2.13-cpu", one.name): images_lock.entry(one, ref=one.ref, digest=DIGEST)
        for one in plans
    }


def compare(root: Path, plans: tuple[LayerPlan, ...]) -> tuple[str, ...]:
    return images_lock.compare(images_lock.read(root) or {}, plans, engine="docker", variant="2.13-cpu")


def test_what_was_built_is_read_again(tmp_path: Path) -> None:
    assert images_lock.read(tmp_path) is None
    made = locked(plan(tmp_path))
    images_lock.write(tmp_path, made)
    assert images_lock.read(tmp_path) == made
    assert compare(tmp_path, plan(tmp_path)) == ()


def test_the_first_input_that_differs_is_named_for_each_image(tmp_path: Path) -> None:
    images_lock.write(tmp_path, locked(plan(tmp_path, freshness="never")))
    lines = compare(tmp_path, plan(tmp_path))
    assert lines[0].startswith("images.lock: base differs from what was built: argument PERIOD: nothing -> 20")
    assert lines[1:] == tuple(
        f"images.lock: {name} differs from what was built: the image below" for name in ("python", "torch", "train")
    )


def test_what_an_older_recipe_or_another_compression_made_is_told_from_what_is_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = plan(tmp_path)
    made = locked(now)
    base = made[images_lock.key("docker", "2.13-cpu", "base")]
    assert base.inputs["compression"] == "zstd 7"
    images_lock.write(tmp_path, made)
    known = catalogue.load()
    other = replace(known, packing=replace(known.packing, level=9))
    monkeypatch.setattr(catalogue, "load", lambda: other)
    lines = compare(tmp_path, plan(tmp_path))
    assert {one.content_key for one in now}.isdisjoint(one.content_key for one in plan(tmp_path))
    assert lines == tuple(
        f"images.lock: {one.name} differs from what was built: compression: zstd 7 -> zstd 9" for one in now
    )
    older = {name: value for name, value in base.inputs.items() if name != "compression"}
    older["schema"] = "mlops-ci/content-key/1"
    assert differences.changes(older, base.inputs) == (
        "compression is new",
        "schema: mlops-ci/content-key/1 -> mlops-ci/content-key/2",
    )


def test_what_is_new_is_said(tmp_path: Path) -> None:
    images_lock.write(tmp_path, locked(plan(tmp_path)[:3]))
    assert compare(tmp_path, plan(tmp_path)) == ("images.lock: train in 2.13-cpu is not locked yet",)


def test_another_image_under_a_locked_key_is_found_out(tmp_path: Path) -> None:
    plans = plan(tmp_path)
    images_lock.write(tmp_path, locked(plans))
    there = KnownImages({plans[-1].ref: ImageFacts(digest=DIGEST)})
    assert compare(tmp_path, plan(tmp_path, there)) == ()
    replaced = KnownImages({plans[-1].ref: ImageFacts(digest=OTHER)})
    with pytest.raises(LockedDigestError, match=f"has {OTHER}.* records {DIGEST}") as caught:
        compare(tmp_path, plan(tmp_path, replaced))
    assert caught.value.exit_code == 1


def test_digests_of_an_engine_are_its_own(tmp_path: Path) -> None:
    plans = plan(tmp_path)
    images_lock.write(tmp_path, {name: replace(one, ref="mlops-ci/x:c-1") for name, one in locked(plans).items()})
    elsewhere = KnownImages({plans[-1].ref: ImageFacts(digest=OTHER)})
    assert compare(tmp_path, plan(tmp_path, elsewhere)) == ()


@pytest.mark.parametrize(
    "text", ["no toml", 'schema = "mlops-ci/images-lock/9"', 'schema = "mlops-ci/images-lock/1"\n[images.x]\nre = 1\n']
)
def test_a_lock_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    (tmp_path / "images.lock").write_text(text)
    with pytest.raises(ImagesLockError) as caught:
        images_lock.read(tmp_path)
    assert caught.value.exit_code == 2
