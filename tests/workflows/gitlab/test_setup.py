"""`ci/gitlab/setup.py`: the environment of the tool in a job, made from a lock, used again, and the job's identity."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from support.project import commit

SETUP = Path(__file__).parents[3] / "ci" / "gitlab" / "setup.py"
PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "tool"
version = "1"
"""
BACKEND = '''"""Builds a wheel with one command."""
import zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(f"{folder}/tool-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tool.py", "import needed\\ndef main(): print(needed.WORD)")
        wheel.writestr("tool-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tool\\nVersion: 1\\n")
        wheel.writestr("tool-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("tool-1.dist-info/entry_points.txt", "[console_scripts]\\ntool = tool:main\\n")
        wheel.writestr("tool-1.dist-info/RECORD", "")
    return "tool-1-py3-none-any.whl"
'''
Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the one package that the lock names."""
    folder = tmp_path_factory.mktemp("index")
    with zipfile.ZipFile(folder / "needed-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("needed.py", "WORD = 'it works'")
        wheel.writestr("needed-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: needed\nVersion: 1\n")
        wheel.writestr("needed-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("needed-1.dist-info/RECORD", "")
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, index: Path) -> Path:
    """A small bundle with this setup.py."""
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "ci" / "gitlab").mkdir(parents=True)
    shutil.copy(SETUP, folder / "ci" / "gitlab")
    (folder / "requirements").mkdir()
    digest = hashlib.sha256(next(index.iterdir()).read_bytes()).hexdigest()
    (folder / "requirements" / "tool.lock").write_text(f"needed==1 --hash=sha256:{digest}\n")
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "backend.py").write_text(BACKEND)
    commit(folder, "release")
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that outlives jobs."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def call(tmp_path: Path, bundle: Path, index: Path, cache: Path) -> Call:
    def run(job: str = "job", environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / job
        folder.mkdir(exist_ok=True)
        # Not the developer's PATH: a job's image has no uv.
        path = os.pathsep.join([str(Path(sys.executable).resolve().parent), "/usr/bin", "/bin"])
        return subprocess.run(
            [sys.executable, str(bundle / "ci" / "gitlab" / "setup.py")],
            cwd=folder,
            env={
                "PATH": path,
                "HOME": str(tmp_path),
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": str(index),
                "PIP_CONFIG_FILE": os.devnull,
                "MLOPS_CI_CACHE": str(cache),
                **(environment or {}),
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def sourced(printed: str, command: str) -> str:
    """What a command says after a shell has read what was printed."""
    return subprocess.run(["sh", "-ec", f"{printed}\n{command}"], capture_output=True, text=True, check=True).stdout


def test_the_tool_is_on_path_and_made_once(call: Call, bundle: Path) -> None:
    first, second = call("one"), call("two")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "made the environment" in first.stderr
    assert (second.stdout, second.stderr) == (first.stdout, "")
    assert sourced(first.stdout, "tool") == "it works\n"


def test_another_release_has_an_environment_of_its_own(call: Call, bundle: Path) -> None:
    before = call().stdout
    (bundle / "more").touch()
    commit(bundle, "another release")
    after = call()
    assert "made the environment" in after.stderr
    assert after.stdout != before


def test_a_package_that_is_not_the_locked_one_is_refused_and_nothing_half_made_counts(
    call: Call, index: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(index, other)
    with next(other.iterdir()).open("ab") as wheel:
        wheel.write(b"tampered with")
    failed = call(environment={"PIP_FIND_LINKS": str(other), "MLOPS_CI_CACHE": str(tmp_path / "cache")})
    assert (failed.returncode, failed.stdout) == (10, "")
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in failed.stderr
    assert "next: " in failed.stderr
    assert not list((tmp_path / "cache").rglob("complete"))


def test_the_jobs_identity_becomes_a_role_and_a_private_file(call: Call, tmp_path: Path) -> None:
    role = "arn:aws:iam::1:role/it's"
    done = call(environment={"MLOPS_CI_AWS_ROLE": role, "MLOPS_CI_AWS_TOKEN": "secret-token", "CI_JOB_ID": "7"})
    assert "secret-token" not in done.stdout + done.stderr
    said = sourced(
        done.stdout, 'printf "%s\\n" "$AWS_ROLE_ARN" "$AWS_WEB_IDENTITY_TOKEN_FILE" "$AWS_ROLE_SESSION_NAME"'
    )
    named, file, session = said.splitlines()
    assert (named, session) == (role, "gitlab-7")
    assert Path(file).read_text() == "secret-token"
    assert stat.S_IMODE(Path(file).stat().st_mode) == 0o600
    assert Path(file).is_relative_to(tmp_path / "job" / ".mlops")


@pytest.mark.parametrize("environment", [{"MLOPS_CI_AWS_ROLE": "r"}, {"MLOPS_CI_AWS_TOKEN": "t"}])
def test_without_a_role_or_without_a_token_the_projects_variables_count(
    call: Call, environment: Mapping[str, str]
) -> None:
    assert "AWS_" not in call(environment=environment).stdout


def test_an_old_python_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("gitlab_setup", SETUP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "OLDEST", (99, 0))
    assert module.main() == 3
    assert "Python 99.0 or newer is needed" in capsys.readouterr().err
