"""The README's first command, as a new user meets it: a fresh clone, and an environment that holds only nox."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.cli import clean_environment

ROOT = Path(__file__).parents[2]
LIMIT = 900


@pytest.fixture(scope="module")
def nox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The nox of an environment that holds nothing else."""
    folder = tmp_path_factory.mktemp("only-nox")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "nox"]
    subprocess.run(pip, check=True)
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
    return subprocess.run(
        [str(nox), *arguments],
        cwd=clone,
        env={**clean_environment(environment), "DOCKER_HOST": "unix:///nonexistent.sock"},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def newest(clone: Path) -> dict[str, dict]:
    run_folder = max((clone / ".mlops" / "runs").iterdir())
    return {path.stem: json.loads(path.read_text()) for path in (run_folder / "records").glob("*.json")}


def test_the_first_command_twice_and_a_node_that_must_not_train(nox, clone, scanned):
    command = sessions_of_the_readme(clone)
    first = run(nox, clone, *command, **scanned)
    said = first.stdout + first.stderr
    assert first.returncode == 0, said
    assert "HOST" in said
    records = newest(clone)
    assert {one["status"] for one in records.values()} == {"passed"}
    assert len(records) == 11
    assert {one["attempt"] for one in records.values()} == {1}, "a later session did again what an earlier one had done"
    assert len(list((clone / ".mlops" / "runs").iterdir())) == 1
    assert records["evaluate"]["outputs"]["metrics"]["accuracy"] >= 0.95

    second = run(nox, clone, *command, **scanned)
    assert second.returncode == 0, second.stdout + second.stderr
    again = newest(clone)
    assert not any(image["built"] for image in again["build"]["outputs"]["images"].values())
    assert again["evaluate"]["outputs"]["champion"]["version"] == "1"
    assert again["evaluate"]["outputs"]["verdict"] in ("promote", "keep")

    total = _memory_of_this_machine()
    taken = b"\1" * (total // 6)  # so that what the job asks for is there, and not free: another node would do
    refused = run(nox, clone, *command, "--", "--set", f"train.memory={total}", **scanned)
    assert len(taken) == total // 6
    assert refused.returncode == 11, refused.stdout + refused.stderr
    assert "train" not in newest(clone)
    assert newest(clone)["verify"]["error"]["class"] == "unhealthy"


def _memory_of_this_machine() -> int:
    lines = dict(re.findall(r"^(\w+):\s+(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE))
    return int(lines["MemTotal"]) * 1024
