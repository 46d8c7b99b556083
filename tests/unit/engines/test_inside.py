"""The image that we are in is the job's, another, or unknown."""

from __future__ import annotations

import pytest

from mlops_ci.engines.inside import WrongImageError, check_image

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64


@pytest.mark.parametrize("ref", [DIGEST, f"registry.example/team/image@{DIGEST}", f"image:tag@{DIGEST}"])
@pytest.mark.parametrize("ours", [DIGEST, f"registry.example/mirror/image@{DIGEST}"])
def test_the_right_image(ref: str, ours: str):
    assert check_image(ref, ours) is None


@pytest.mark.parametrize("ours", [OTHER, f"image@{OTHER}", "nonsense"])
def test_another_image_is_refused(ours: str):
    with pytest.raises(WrongImageError) as caught:
        check_image(f"image@{DIGEST}", ours)

    assert caught.value.exit_code == 2
    assert DIGEST in caught.value.cause


@pytest.mark.parametrize(("ref", "ours"), [("image:tag", DIGEST), (f"image@{DIGEST}", None), ("", "")])
def test_what_cannot_be_compared_is_said(ref: str, ours: str | None):
    assert "was not checked" in (check_image(ref, ours) or "")
