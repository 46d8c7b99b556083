"""The setup action's script, as a runner starts it: in a checkout, with the runner's own files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.act import ROOT, make_bundle

SCRIPT = Path(".github", "actions", "setup", "setup.py")


@dataclass(frozen=True)
class Ended:
    exit_code: int
    said: str
    temp: Path

    @property
    def command(self) -> Path:
        return self.temp / "mlops-ci-bin" / "mlops-ci"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("bundle") / "mlops-ci")


def setup(checkout, tmp_path, **environment) -> Ended:
    temp = tmp_path / "temp"
    temp.mkdir(exist_ok=True)
    files = {name: str(tmp_path / name.lower()) for name in ("GITHUB_PATH", "GITHUB_OUTPUT")}
    around = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "RUNNER_TEMP": str(temp),
        "MLOPS_CI_ENVIRONMENT": sys.prefix,
        **files,
        **environment,
    }
    done = subprocess.run(
        [sys.executable, str(checkout / SCRIPT)],
        env={name: value for name, value in around.items() if value is not None},
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(exit_code=done.returncode, said=done.stdout + done.stderr, temp=temp)


def head(checkout):
    done = subprocess.run(["git", "-C", str(checkout), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_command_is_the_checkouts_own(checkout, tmp_path):
    done = setup(checkout, tmp_path, MLOPS_CI_SETUP_REF=head(checkout))
    assert done.exit_code == 0, done.said
    assert (tmp_path / "github_path").read_text().strip() == str(done.command.parent)
    assert (tmp_path / "github_output").read_text() == f"python={Path(sys.prefix) / 'bin' / 'python'}\n"
    script = "import mlops_ci, os; print(os.path.dirname(mlops_ci.__file__))"
    where = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(checkout / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.strip() == str(checkout / "src" / "mlops_ci")
    version = subprocess.run([str(done.command), "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.strip()


def test_another_commit_than_the_one_asked_for_is_refused(checkout, tmp_path):
    done = setup(checkout, tmp_path, MLOPS_CI_SETUP_REF="0" * 40)
    assert done.exit_code == 3
    assert "was asked for" in done.said
    assert not done.command.exists()


def test_a_tag_or_a_branch_is_taken_as_it_is(checkout, tmp_path):
    assert setup(checkout, tmp_path, MLOPS_CI_SETUP_REF="v1").exit_code == 0


def test_a_checkout_of_something_else_is_refused(tmp_path):
    other = tmp_path / "caller"
    (other / SCRIPT).parent.mkdir(parents=True)
    shutil.copy(ROOT / SCRIPT, other / SCRIPT)
    done = setup(other, tmp_path)
    assert done.exit_code == 3
    assert "no checkout of mlops-ci" in done.said


def test_an_environment_with_other_versions_is_named(checkout, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(checkout, other)
    lock = other / "requirements" / "tool.lock"
    lock.write_text(lock.read_text().replace("click==", "click==0.", 1))
    done = setup(other, tmp_path)
    assert done.exit_code == 3
    assert "click" in done.said


def test_an_environment_that_is_none_is_named(checkout, tmp_path):
    done = setup(checkout, tmp_path, MLOPS_CI_ENVIRONMENT=str(tmp_path / "none"))
    assert done.exit_code == 3
    assert "MLOPS_CI_ENVIRONMENT" in done.said


def test_without_one_it_is_made_once_from_the_lock(checkout, tmp_path):
    """With a lock of one package, so that it takes seconds."""
    small = tmp_path / "small"
    shutil.copytree(checkout, small)
    lock = small / "requirements" / "tool.lock"
    text = lock.read_text()
    start = text.index("click==")
    rest = text[start:]
    end = next(index for index, line in enumerate(rest.splitlines()) if index and not line.startswith(" "))
    lock.write_text("\n".join(rest.splitlines()[:end]) + "\n")
    cache = tmp_path / "tools"
    first = setup(small, tmp_path, MLOPS_CI_ENVIRONMENT=None, RUNNER_TOOL_CACHE=str(cache))
    assert first.exit_code == 0, first.said
    (folder,) = (cache / "mlops-ci").glob("environment-*/")
    made = (folder / "complete").stat().st_mtime_ns
    (click,) = folder.glob("lib/python3*/site-packages/click")
    assert (click / "testing.py").exists()
    assert not list(click.glob("__pycache__/testing.*")), "what no job imports is not compiled"
    assert setup(small, tmp_path, MLOPS_CI_ENVIRONMENT=None, RUNNER_TOOL_CACHE=str(cache)).exit_code == 0
    assert (folder / "complete").stat().st_mtime_ns == made
    (folder / "complete").unlink()
    assert setup(small, tmp_path, MLOPS_CI_ENVIRONMENT=None, RUNNER_TOOL_CACHE=str(cache)).exit_code == 0
    assert (folder / "complete").exists()
