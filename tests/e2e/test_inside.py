"""The engine `inside`: on this machine, and a whole run in a container whose root file system is the image."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from mlops_ci import pipeline
from support.cli import call, clean_environment, newest_run, records

ROOT = Path(__file__).parents[2]
LIMIT = 300
# Searching PyTorch for secrets takes a minute, and says nothing of this engine.
QUICK = ("--set", "train.params.seconds=0.1", "--set", "scan.secrets=false")
PASSED = dict.fromkeys(pipeline.NAMES, "passed")


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


@pytest.fixture
def training_image(project: Path, docker_settings: dict[str, str]) -> str:
    """An image with PyTorch: the one that the engine `docker` would train in."""
    done = call(project, "run", "build", environment={"MLOPS_CI_ENGINE": "docker", **docker_settings})
    assert done.exit_code == 0, done.said
    outputs = records(project)["build"]["outputs"]
    shutil.rmtree(project / ".mlops")
    return str(outputs["images"][outputs["top"]]["ref"])


def in_a_container(image: str, project: Path, cache: Path, environment: dict[str, str]) -> list[str]:
    """The command that runs ours in a container, as a pod's job does: the tool, beside the image, comes as a volume."""
    volumes = [f"{path}:{path}:ro" for path in (Path(sys.prefix), ROOT)]
    volumes += [f"{path}:{path}" for path in (project, cache)]
    search = os.pathsep.join([str(ROOT / "src"), sysconfig.get_path("purelib")])
    variables = {
        "PYTHONPATH": search,
        "HOME": "/tmp",
        "MLOPS_CI_CACHE": str(cache),
        "MLOPS_CI_PROVIDER": "local",
        **environment,
    }
    return [
        *("docker", "run", "--rm", "--network=host", "--entrypoint=python3"),
        f"--user={os.getuid()}:{os.getgid()}",
        f"--workdir={project}",
        *(f"--volume={one}" for one in volumes),
        *(f"--env={name}={value}" for name, value in variables.items()),
        image,
    ]


def test_a_whole_run_in_a_container_judges_the_image_that_it_is(
    training_image: str, docker_host: str, project: Path, scanned: dict[str, str], tmp_path: Path
):
    (tmp_path / "cache").mkdir()
    argv = in_a_container(training_image, project, tmp_path / "cache", scanned)
    argv += ["-m", "mlops_ci", "run", "--engine", "inside", *QUICK]
    around = {**clean_environment(), "DOCKER_HOST": docker_host}
    done = subprocess.run(argv, env=around, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = records(project)
    assert {name: one["status"] for name, one in found.items()} == PASSED
    parts = {part["name"]: part for part in found["scan"]["outputs"]["parts"]}
    assert "debian" in parts["vulnerabilities"]["why"], "the image's own system packages are judged"
    assert "operating system" not in parts
    assert parts["image configuration"]["status"] == "SKIP"
    bill = (newest_run(project) / "sbom" / "inside.cdx.json").read_text()
    assert "pkg:deb/debian/python3" in bill
    assert "pkg:pypi/torch" in bill
    assert "pkg:pypi/docker@" not in bill, "the tool beside the image is no part of it"
