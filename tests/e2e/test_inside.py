"""The engine `inside` where there is no container. Whole runs in one: `tests/workflows/gitlab/test_inside.py`."""

from __future__ import annotations

import os
import shutil
import sysconfig
import venv
from pathlib import Path

import pytest

from support.cli import call, newest_run, records


@pytest.fixture
def small_python(tmp_path: Path) -> dict[str, str]:
    """An environment with one package, first on PATH: what a person calls an image when there is no container."""
    folder = tmp_path / "environment"
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for path in Path(sysconfig.get_path("purelib")).glob("packaging*"):
        shutil.copytree(path, site / path.name)
    return {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def test_without_a_container_the_python_that_is_first_on_path_is_the_image(
    project: Path, scanned: dict[str, str], small_python: dict[str, str]
):
    done = call(project, "run", "scan", "--engine", "inside", environment={**scanned, **small_python})
    assert done.exit_code == 0, done.said
    found = records(project)
    (image,) = found["build"]["outputs"]["images"].values()
    assert (image["ref"], image["digest"], image["built"]) == ("inside", "", False)
    assert "pin the job's image by its digest" in " ".join(found["build"]["warnings"])
    assert "pkg:pypi/packaging" in (newest_run(project) / "sbom" / "inside.cdx.json").read_text()
    parts = {part["name"]: part for part in found["scan"]["outputs"]["parts"]}
    assert parts["vulnerabilities"]["status"] == "PASS"
    assert parts["operating system"]["status"] == "SKIP"


def test_a_job_in_another_image_than_the_planned_one_is_refused(project: Path, small_python: dict[str, str]):
    pinned = {**small_python, "MLOPS_JOB_IMAGE": "registry.example/train@sha256:" + "a" * 64}
    first = call(project, "run", "build", "--engine", "inside", environment=pinned)
    assert first.exit_code == 0, first.said
    assert records(project)["build"]["outputs"]["images"]["inside"]["ref"] == "inside@sha256:" + "a" * 64
    other = {**small_python, "MLOPS_IMAGE_DIGEST": "sha256:" + "b" * 64}
    again = ["run", "check", "--only", "--run", newest_run(project).name, "--engine", "inside"]
    second = call(project, *again, environment=other)
    assert second.exit_code == 2, second.said
    assert "and this is sha256:bbbb" in second.stderr
