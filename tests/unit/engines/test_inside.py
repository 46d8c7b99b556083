"""The image that we are in is the job's, another, or unknown; what can be told of it from inside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import mlops_ci
from mlops_ci.engines.inside import WrongImageError, check_image
from mlops_ci.engines.inside_image import (
    DigestFormatError,
    ImagePython,
    content_digest,
    in_container,
    interpreter,
    mounted,
    told_digest,
    without_ours,
)

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
POD = """\
1 0 0:50 / / rw,relatime - overlay overlay rw,lowerdir=/layers
2 1 0:51 / /proc rw - proc proc rw
3 1 8:1 /volumes/builds /builds rw - ext4 /dev/sda1 rw
4 1 8:1 /volumes/two\\040words /with\\040space rw shared:1 - ext4 /dev/sda1 rw
"""
MACHINE = """\
1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw
2 1 0:51 / /proc rw - proc proc rw
"""
PYTHON = ImagePython(path=Path("/usr/bin/python3"), version="3.11.2", folder="/lib", packages=("torch-2.9.dist-info",))


@pytest.mark.parametrize("ref", [DIGEST, f"registry.example/team/image@{DIGEST}", f"image:tag@{DIGEST}"])
def test_the_right_image(ref: str):
    assert check_image(ref, DIGEST) is None


def test_another_image_is_refused():
    with pytest.raises(WrongImageError) as caught:
        check_image(f"image@{DIGEST}", OTHER)

    assert caught.value.exit_code == 2
    assert DIGEST in caught.value.cause


@pytest.mark.parametrize(("ref", "ours"), [("image:tag", DIGEST), (f"image@{DIGEST}", ""), ("", "")])
def test_what_cannot_be_compared_is_said(ref: str, ours: str):
    assert "was not checked" in (check_image(ref, ours) or "")


@pytest.mark.parametrize("ours", [DIGEST, f"registry.example/mirror/image@{DIGEST}"])
def test_the_digest_that_the_job_was_told(ours: str):
    assert told_digest({"MLOPS_IMAGE_DIGEST": ours}) == DIGEST
    assert told_digest({"MLOPS_IMAGE_DIGEST": ours, "MLOPS_JOB_IMAGE": f"image@{OTHER}"}) == DIGEST
    assert told_digest({"MLOPS_JOB_IMAGE": f"image@{DIGEST}"}) == DIGEST


def test_an_image_by_its_tag_tells_no_digest():
    assert told_digest({"MLOPS_JOB_IMAGE": "python:3.11-bookworm"}) == ""
    assert told_digest({}) == ""


def test_a_digest_that_is_none_is_refused():
    with pytest.raises(DigestFormatError, match="names no digest"):
        told_digest({"MLOPS_IMAGE_DIGEST": "nonsense"})


def test_the_content_tells_images_apart_that_nobody_named(tmp_path: Path):
    status = tmp_path / "var" / "lib" / "dpkg" / "status"
    status.parent.mkdir(parents=True)
    status.write_text("Package: libc6\nVersion: 2.36\n")
    before = content_digest(PYTHON, tmp_path)
    assert content_digest(PYTHON, tmp_path) == before
    status.write_text("Package: libc6\nVersion: 2.37\n")
    newer = content_digest(PYTHON, tmp_path)
    other = ImagePython(path=PYTHON.path, version="3.11.2", folder="/lib", packages=("torch-2.10.dist-info",))
    assert len({before, newer, content_digest(other, tmp_path)}) == 3


def test_a_container_is_known_by_its_root_file_system():
    assert in_container({}, POD)
    assert not in_container({}, MACHINE)
    assert in_container({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, MACHINE), "a pod in a virtual machine of its own"


def test_volumes_are_no_part_of_the_image():
    assert mounted(POD) == ("/builds", "/proc", "/with space")


def test_jobs_run_with_the_first_python_on_path(tmp_path: Path):
    python = tmp_path / "image" / "python3"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    assert interpreter(f"{tmp_path}{os.pathsep}{python.parent}") == python
    assert interpreter(str(tmp_path)).exists(), "ours, where the image has none"


def test_the_folder_that_we_are_imported_from_is_not_for_jobs():
    ours = str(Path(mlops_ci.__file__).resolve().parents[1])
    assert without_ours(f"{ours}{os.pathsep}/opt/lib") == "/opt/lib"
    assert without_ours(ours) == ""
