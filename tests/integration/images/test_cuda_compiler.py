"""nvcc in `devel`, from NVIDIA's packages: found by builds of extensions, and it compiles as any uid without rights.

A stand-in of a few bytes takes the place of the packages (110 MB, packed). With MLOPS_CI_TEST_NVCC=1 they are the
locked ones, and what nvcc makes of a kernel is a program.
"""

from __future__ import annotations

import os
import secrets
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_ci.console import Console
from mlops_ci.images import catalogue
from mlops_ci.images.build import build_images
from mlops_ci.images.lookup import image_lookup
from mlops_ci.images.plan import plan_images
from support.containers import LOCKED_DOWN
from support.heard import Heard
from support.image_builds import ImageProject
from support.image_projects import copy_catalogue, locked, make_settings, write_wheel

VARIANT = "2.13-cu130"
REAL = bool(os.environ.get("MLOPS_CI_TEST_NVCC"))
APT = "sh /run/context/apt-install.sh keep g++ git make ninja-build python3-dev"
NVCC = "#!/bin/sh\necho Cuda compilation tools\n"
KERNEL = "#include <cub/cub.cuh>\\n__global__ void twice(float* x) { *x *= 2; }\\nint main() { twice<<<1, 1>>>(0); }\\n"
PROGRAM = (
    f"printf '{KERNEL}' > /tmp/a.cu && nvcc -arch=sm_90 -o /tmp/a /tmp/a.cu && nvcc -cudart shared -o /tmp/b /tmp/a.cu"
    " && readelf --dynamic /tmp/b | grep --only-matching 'libcudart.so.13'"
)


def stand_in(folder: Path) -> Path:
    """The package of the compiler, with a library as those of the runtime are named."""
    files = {"nvidia/cu13/bin/nvcc": NVCC, "nvidia/cu13/lib/libcudart.so.13": "library"}
    wheel = write_wheel(folder, f"nvcc-{secrets.token_hex(4)}", "13.0.88", files=files)
    with zipfile.ZipFile(wheel) as archive:
        content = {one: archive.read(one) for one in archive.infolist()}
    with zipfile.ZipFile(wheel, "w") as archive:
        for one, data in content.items():
            one.external_attr = (0o100755 if one.filename.endswith("bin/nvcc") else 0o100644) << 16
            archive.writestr(one, data)
    return wheel


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`devel` on Python alone and without Debian's packages, which another test has."""
    folder = copy_catalogue(tmp_path / "catalogue")
    text = (folder / "catalogue.toml").read_text()
    start = text.index("[layers.devel]")
    own = text[start:].replace('on = ["torch", "vision", "nlp"]', 'on = ["python"]', 1)
    (folder / "catalogue.toml").write_text(text[:start] + own)
    dockerfile = folder / "devel" / "Dockerfile"
    assert APT in dockerfile.read_text()
    dockerfile.write_text(dockerfile.read_text().replace(APT, "true"))
    if not REAL:
        lock = folder / "devel" / f"requirements.{VARIANT}.lock"
        lock.unlink()
        lock.write_text(locked(stand_in(tmp_path / "wheels")))
    known = catalogue.load(folder)
    monkeypatch.setattr(catalogue, "load", lambda: known)


def test_devel_compiles_for_cuda(
    small: None, project: ImageProject, docker: Callable[..., str], tmp_path: Path
) -> None:
    mirrors = {**project.mirrors, **({} if REAL else {"find_links": (str(tmp_path / "wheels"),)})}
    settings = make_settings(tmp_path, name=project.name, image={"layer": "devel", "torch": "2.13"}, mirrors=mirrors)
    cache = tmp_path / "cache"
    lookup = image_lookup(settings, engine="docker", workspace=cache)
    plans = plan_images(settings, engine="docker", variant="cu130", lookup=lookup)
    build_images(plans, settings, engine="docker", variant="cu130", cache=cache, console=Console(Heard()))
    run = ("run", "--rm", "--network", "none", *LOCKED_DOWN, plans[-1].ref, "sh", "-c")
    try:
        assert "Cuda compilation tools" in docker(*run, "nvcc --version")
        links = docker(*run, "readlink -f /usr/local/cuda/lib64/libcudart.so; command -v nvcc").split()
        assert links[0].endswith("/nvidia/cu13/lib/libcudart.so.13")
        assert links[1] == "/usr/local/cuda/bin/nvcc", "PyTorch looks for CUDA two folders above it"
        if REAL:
            assert docker(*run, PROGRAM).strip() == "libcudart.so.13"
    finally:
        docker("rmi", plans[-1].ref)
