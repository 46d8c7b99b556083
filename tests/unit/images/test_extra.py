"""Extra packages over the image: for which Python, under which key, and what plan says of them."""

from pathlib import Path
from typing import Any

import pytest

from mlops_ci.images import extra
from mlops_ci.images.extra import ExtraPlan
from mlops_ci.images.extra_lock import ExtraLockError
from mlops_ci.images.lookup import ImageFacts
from mlops_ci.images.plan import LayerPlan, plan_images
from support.image_projects import KnownImages, make_settings

HASH = "--hash=sha256:" + "a" * 64


def images(root: Path, engine: str = "docker", **image: Any) -> tuple[LayerPlan, ...]:
    lookup = KnownImages({"debian:bookworm-slim": ImageFacts(digest="sha256:" + "1" * 64)})
    return plan_images(make_settings(root, image=image), engine=engine, variant="cpu", lookup=lookup, cache=root)


def plan(root: Path, text: str, engine: str = "docker", **image: Any) -> ExtraPlan:
    (root / "extra.lock").write_text(text)
    settings = make_settings(root, image={"extra": "extra.lock", **image})
    found = extra.plan(settings, images(root, engine, **image), engine=engine, variant="cpu")
    assert found is not None
    return found


def test_nothing_is_put_over_an_image_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert extra.plan(make_settings(tmp_path), (), engine="docker", variant="cpu") is None
    made = images(tmp_path)
    assert extra.environment_key(made, None) == made[-1].content_key


def test_another_lock_is_another_environment_of_the_same_image(tmp_path: Path) -> None:
    made = images(tmp_path)
    one, two = (plan(tmp_path, f"einops=={version} {HASH}\n") for version in ("0.8.0", "0.8.1"))
    keys = {extra.environment_key(made, found) for found in (None, one, two)}
    assert len(keys) == 3
    again = plan(tmp_path, f"# a comment\neinops==0.8.0 {HASH}\n")
    assert extra.environment_key(made, again) == extra.environment_key(made, one)


def test_wheels_are_those_for_the_python_of_the_image(tmp_path: Path) -> None:
    target = plan(tmp_path, f"einops==0.8.0 {HASH}\n").target
    assert (target.version, target.machine) == ("3.11", "x86_64")
    for tag in ("py3-none-any", "cp311-cp311-manylinux_2_36_x86_64", "cp38-abi3-manylinux2014_x86_64"):
        assert target.loads(f"a-1-{tag}.whl"), tag
    wrong = ("cp312-cp312-linux_x86_64", "cp311-cp311-manylinux_2_39_x86_64", "cp311-cp311-manylinux_2_28_aarch64")
    for name in (*(f"a-1-{tag}.whl" for tag in wrong), "a-1.tar.gz"):
        assert not target.loads(name), name


def test_the_locks_markers_are_judged_for_that_python(tmp_path: Path) -> None:
    found = plan(tmp_path, f"a==1 ; python_version < '3.9' {HASH}\nb==2 ; sys_platform == 'linux' {HASH}\n")
    assert found.packages == ("b 2",)
    with pytest.raises(ExtraLockError, match=r"no package of extra.lock is for Python 3.11"):
        plan(tmp_path, f"a==1 ; python_version < '3.9' {HASH}\n")


def test_plan_says_what_of_the_image_is_replaced(tmp_path: Path) -> None:
    found = plan(tmp_path, f"safetensors==99.0 {HASH}\neinops==0.8.0 {HASH}\n")
    (replaced,) = found.replaced
    assert replaced.startswith("safetensors ")
    assert extra.words(found) == (
        "over the image at the start of every job: safetensors 99.0, einops 0.8.0 (extra.lock), "
        f"in place of the image's {replaced}"
    )


@pytest.mark.parametrize("line", [f"torch==2.13.0 {HASH}\n", f"torchvision==0.28.0 {HASH}\n"])
def test_pytorch_comes_with_the_image_alone(tmp_path: Path, line: str) -> None:
    with pytest.raises(ExtraLockError, match=r"\[image\] extra|extra.lock:1"):
        plan(tmp_path, line)
