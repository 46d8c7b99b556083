"""Whole runs with the engine `inside`: on this machine, and in a container whose root file system is the image."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from mlops_ci import pipeline
from support.cli import call, clean_environment, newest_run, records
from support.engine_image import python_image

__all__ = ["python_image"]

SOURCE = Path(__file__).parents[2] / "src"
LIMIT = 300
PASSED = dict.fromkeys(pipeline.NAMES, "passed")


def test_a_whole_run_in_the_python_that_is_first_on_path(project: Path, scanned: dict[str, str]):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = call(project, "run", "--engine", "inside", environment={**scanned, "PATH": path})
    assert done.exit_code == 0, done.said
    found = records(project)
    assert {name: one["status"] for name, one in found.items()} == PASSED
    (image,) = found["build"]["outputs"]["images"].values()
    assert (image["ref"], image["digest"], image["built"]) == ("inside", "", False)
    assert "pin the job's image by its digest" in " ".join(found["build"]["warnings"])
    assert (newest_run(project) / "sbom" / "inside.cdx.json").stat().st_size > 1_000
    parts = {part["name"]: part for part in found["scan"]["outputs"]["parts"]}
    assert parts["vulnerabilities"]["status"] == "PASS"
    assert "python-pkg" in parts["vulnerabilities"]["why"]


def test_a_job_in_another_image_than_the_planned_one_is_refused(project: Path):
    pinned = {"MLOPS_JOB_IMAGE": "registry.example/train@sha256:" + "a" * 64}
    first = call(project, "run", "build", "--engine", "inside", environment=pinned)
    assert first.exit_code == 0, first.said
    assert records(project)["build"]["outputs"]["images"]["inside"]["ref"] == "inside@sha256:" + "a" * 64
    other = {"MLOPS_IMAGE_DIGEST": "sha256:" + "b" * 64}
    again = ["run", "check", "--only", "--run", newest_run(project).name, "--engine", "inside"]
    second = call(project, *again, environment=other)
    assert second.exit_code == 2, second.said
    assert "and this is sha256:bbbb" in second.stderr


@pytest.fixture
def in_a_container(docker_host: str, python_image: str, project: Path, shared_cache: Path) -> list[str]:
    """The command that runs ours in a container, as a pod's job does: the tool, beside the image, comes as a volume."""
    environment = Path(sys.prefix)
    volumes = [f"{path}:{path}:ro" for path in (environment, SOURCE)]
    volumes += [f"{path}:{path}" for path in (project, shared_cache)]
    search = os.pathsep.join([str(SOURCE), sysconfig.get_path("purelib")])
    variables = {
        "PYTHONPATH": search,
        "HOME": "/tmp",
        "MLOPS_CI_CACHE": str(shared_cache),
        "MLOPS_CI_PROVIDER": "local",
    }
    return [
        "docker",
        f"--host={docker_host}",
        "run",
        "--rm",
        "--network=host",
        f"--user={os.getuid()}:{os.getgid()}",
        f"--workdir={project}",
        *(f"--volume={one}" for one in volumes),
        *(f"--env={name}={value}" for name, value in variables.items()),
    ]


def test_a_whole_run_in_a_container_judges_the_image_that_it_is(
    in_a_container: list[str], python_image: str, project: Path, scanned: dict[str, str]
):
    settings = [f"--env={name}={value}" for name, value in scanned.items()]
    argv = [*in_a_container, *settings, python_image, "python3", "-m", "mlops_ci", "run", "--engine", "inside"]
    done = subprocess.run(
        argv,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = records(project)
    assert {name: one["status"] for name, one in found.items()} == PASSED
    parts = {part["name"]: part for part in found["scan"]["outputs"]["parts"]}
    assert "debian" in parts["vulnerabilities"]["why"], "the image's own system packages are judged"
    assert "operating system" not in parts
    assert parts["image configuration"]["status"] == "SKIP"
    bill = (newest_run(project) / "sbom" / "inside.cdx.json").read_text()
    assert "pkg:deb/debian/python3" in bill
    assert "pkg:pypi/mlflow" not in bill, "the tool beside the image is no part of it"
