"""What of a variant is part of a layer's key, and what is not: layers that variants have in common are one image."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_ci.images import catalogue
from mlops_ci.images.plan import plan_images
from support.image_projects import KnownImages, copy_catalogue, make_settings

OLDER, NEWER = "2.8", "2.9"
BUILD = "cu128"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The real catalogue, in which two releases of PyTorch stand on the same libraries of CUDA."""
    folder = copy_catalogue(tmp_path / "images")
    locks = [folder / "nvidia" / f"requirements.{series}-{BUILD}.lock" for series in (OLDER, NEWER)]
    text = locks[0].read_text()
    locks[1].unlink()
    locks[1].write_text(text)
    return folder


def keys(folder: Path, monkeypatch: pytest.MonkeyPatch, series: str) -> dict[str, str]:
    known = catalogue.load.__wrapped__(folder)
    monkeypatch.setattr(catalogue, "load", lambda: known)
    settings = make_settings(folder, image={"torch": series, "layer": "train"})
    plans = plan_images(settings, engine="docker", variant=BUILD, lookup=KnownImages())
    monkeypatch.undo()
    return {one.name: one.content_key for one in plans}


def test_a_new_pytorch_on_the_same_cuda_makes_no_new_image_of_its_libraries(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = (keys(folder, monkeypatch, series) for series in (OLDER, NEWER))
    assert {name for name in older if older[name] == newer[name]} == {"base", "python", "nvidia"}


def test_another_platform_is_another_image(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys(folder, monkeypatch, NEWER)
    path = folder / "catalogue.toml"
    row = f'torch = "{NEWER}"\nbuild = "{BUILD}"\n'
    assert row in path.read_text()
    path.write_text(path.read_text().replace(row, f'{row}platform = "linux/arm64"\nmachine = "aarch64"\n'))
    after = keys(folder, monkeypatch, NEWER)
    assert [name for name in before if before[name] == after[name]] == []


def test_nccl_says_what_is_wrong_before_a_job_hangs_and_every_cache_is_where_any_uid_may_write() -> None:
    known = catalogue.load()
    text = (known.layers["train"].folder / "Dockerfile").read_text()
    assert "ENV NCCL_DEBUG=WARN\n" in text
    base = (known.layers["base"].folder / "Dockerfile").read_text()
    for name in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUDA_CACHE_PATH", "HF_HOME", "TORCH_HOME"):
        assert f"{name}=/tmp/" in base
