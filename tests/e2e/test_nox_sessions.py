"""The README's first command, as a new user meets it: a fresh clone, and an environment that holds only nox."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from mlops_ci import pipeline
from support.cli import clean_environment, newest_run, records
from support.leftovers import of_project
from support.project import make_project

ROOT = Path(__file__).parents[2]
LIMIT = 900


@pytest.fixture(scope="module")
def nox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The nox of an environment that holds nothing else."""
    folder = tmp_path_factory.mktemp("only-nox")
    python, uv = str(folder / "bin" / "python"), shutil.which("uv")
    if uv:
        make = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)]
        install = [uv, "pip", "install", "--quiet", "--python", python, "nox"]
    else:
        make = [sys.executable, "-m", "venv", str(folder)]
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "nox"]
    for argv in (make, install):
        subprocess.run(argv, check=True, env={**os.environ, "UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true"})
    return folder / "bin" / "nox"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone of what is committed."""
    folder = tmp_path_factory.mktemp("clone") / "mlops-ci"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def sessions_of_the_readme(clone: Path) -> list[str]:
    """What follows `pipx run nox` in the README's first command."""
    found = re.search(r"^pipx run nox (-s build verify train)$", (clone / "README.md").read_text(), re.MULTILINE)
    assert found, "the README no longer shows its first command"
    return found[1].split()


def run(nox: Path, clone: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # A new user has no uv: pip makes the environments.
    path = [folder for folder in os.environ["PATH"].split(os.pathsep) if not (Path(folder) / "uv").exists()]
    plain = {"DOCKER_HOST": "unix:///nonexistent.sock", "PATH": os.pathsep.join(path)}
    return subprocess.run(
        [str(nox), *arguments],
        cwd=clone,
        env=clean_environment({**plain, **environment}),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def whole(project: Path, *, skipped: tuple[str, ...] = ()) -> dict[str, dict]:
    """The records of the project's only run: all there, passed but for what is not configured, and nothing twice."""
    assert len(list((project / ".mlops" / "runs").iterdir())) == 1
    found = records(project)
    expected = {name: "skipped" if name in (*skipped, "deploy") else "passed" for name in pipeline.NAMES}
    assert {name: one["status"] for name, one in found.items()} == expected
    assert {one["attempt"] for one in found.values()} == {1}, "a later session did again what an earlier one had done"
    assert found["evaluate"]["outputs"]["metrics"]["accuracy"] >= 0.95
    assert found["train"]["outputs"]["seconds"] < 60
    assert found["train"]["outputs"]["tracking"]["points"] >= 1
    assert "accuracy" in (newest_run(project) / "report" / "index.html").read_text()
    return found


def test_the_first_command_twice_and_a_node_that_must_not_train(nox, clone, scanned):
    command = sessions_of_the_readme(clone)
    first = run(nox, clone, *command, **scanned)
    said = first.stdout + first.stderr
    assert first.returncode == 0, said
    assert "HOST" in said
    whole(clone)

    second = run(nox, clone, *command, **scanned)
    assert second.returncode == 0, second.stdout + second.stderr
    again = records(clone)
    assert not any(image["built"] for image in again["build"]["outputs"]["images"].values())
    assert again["evaluate"]["outputs"]["champion"]["version"] == "1"
    assert again["evaluate"]["outputs"]["verdict"] in ("promote", "keep")

    total = _memory_of_this_machine()
    taken = b"\1" * (total // 6)  # so that what the job asks for is there, and not free: another node would do
    refused = run(nox, clone, *command, "--", "--set", f"train.memory={total}", **scanned)
    assert len(taken) == total // 6
    assert refused.returncode == 11, refused.stdout + refused.stderr
    assert "train" not in records(clone)
    assert records(clone)["verify"]["error"]["class"] == "unhealthy"


def test_the_first_command_with_docker(nox, clone, scanned, docker_settings):
    shutil.rmtree(clone / ".mlops", ignore_errors=True)
    done = run(nox, clone, *sessions_of_the_readme(clone), **scanned, **docker_settings)
    assert done.returncode == 0, done.stdout + done.stderr
    found = whole(clone)
    assert {one["engine"] for one in found.values()} == {"docker"}
    assert of_project(clone) == []

    again = run(nox, clone, "-s", "build", "--", "--set", "train.params.epochs=1", **docker_settings)
    assert again.returncode == 0, again.stdout + again.stderr
    images = records(clone)["build"]["outputs"]["images"]
    assert images.keys() == found["build"]["outputs"]["images"].keys()
    assert not any(image["built"] for image in images.values())


def test_the_plain_example(nox, clone, scanned, engine_settings):
    project = clone / "examples" / "plain"
    shutil.rmtree(project / ".mlops", ignore_errors=True)
    settings = {name: value for name, value in engine_settings.items() if name != "MLOPS_CI_ENGINE"}
    config = ["--", "--config", "examples/plain/mlops.toml"]
    done = run(nox, clone, *sessions_of_the_readme(clone), *config, **scanned, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {one["engine"] for one in whole(project, skipped=("check", "prepare")).values()} == {
        engine_settings["MLOPS_CI_ENGINE"]
    }


def _memory_of_this_machine() -> int:
    lines = dict(re.findall(r"^(\w+):\s+(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE))
    return int(lines["MemTotal"]) * 1024


FIVE_LINES = "from mlops_ci.nox import register\nregister()\n"


def test_a_noxfile_of_five_lines_has_the_same_sessions_and_ends_with_the_pipelines_exit_code(nox, tmp_path):
    project = make_project(tmp_path / "project", files={"noxfile.py": FIVE_LINES})
    # What its header would install; here it is what these tests are run by.
    installed = os.pathsep.join([str(ROOT / "src"), sysconfig.get_path("purelib")])
    listed = run(nox, project, "--list", PYTHONPATH=installed)
    assert re.findall(r"^\* (\w+) -> ", listed.stdout, re.MULTILINE) == ["build", "verify", "train"], listed.stderr

    done = run(nox, project, "-s", "build", "verify", "train", "--", "--set", "train.comand='x'", PYTHONPATH=installed)
    said = done.stdout + done.stderr
    assert done.returncode == 2, said
    assert said.count("did you mean `command`") == 1, "the sessions after the one that failed do not start"
    assert "Running session verify" not in said
