"""`ci/gitlab/setup.py`: the tool of a checkout on a job's PATH, its environment from a lock, and the job's identity."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPTS = ("ci/gitlab/setup.py", ".github/actions/setup/setup.py")
TOOL = "import needed, sys; print(needed.WORD, *sys.argv[1:])"
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
    for name in SCRIPTS:
        (folder / name).parent.mkdir(parents=True)
        shutil.copy(ROOT / name, folder / name)
    digest = hashlib.sha256(next(index.iterdir()).read_bytes()).hexdigest()
    for name, text in {
        "requirements/tool.lock": f"needed==1 --hash=sha256:{digest}\n",
        "src/mlops_ci/__main__.py": TOOL,
    }.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that outlives jobs."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def call(tmp_path: Path, bundle: Path, index: Path, cache: Path) -> Call:
    def run(job: str = "job", environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / job
        (folder / ".mlops").mkdir(parents=True, exist_ok=True)
        # Not the developer's PATH: a job's image has no uv.
        path = os.pathsep.join([str(Path(sys.executable).resolve().parent), "/usr/bin", "/bin"])
        return subprocess.run(
            [sys.executable, str(bundle / SCRIPTS[0])],
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


def test_the_tool_of_the_checkout_is_on_path_and_its_environment_is_made_once(call: Call, cache: Path) -> None:
    first = call("one")
    made = list(cache.rglob("complete"))
    second = call("two")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert sourced(first.stdout, "mlops-ci a 'b c'") == "it works a b c\n"
    assert sourced(second.stdout, "mlops-ci") == "it works\n"
    assert len(made) == 1
    assert list(cache.rglob("complete")) == made


def test_jobs_of_one_machine_have_a_command_each(call: Call, tmp_path: Path) -> None:
    first, second = call("one").stdout, call("two").stdout
    assert str(tmp_path / "one" / ".mlops") in first
    assert str(tmp_path / "two" / ".mlops") in second


def test_a_package_that_is_not_the_locked_one_is_refused(call: Call, index: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(index, other)
    with next(other.iterdir()).open("ab") as wheel:
        wheel.write(b"tampered with")
    failed = call(environment={"PIP_FIND_LINKS": str(other), "MLOPS_CI_CACHE": str(tmp_path / "cache")})
    assert (failed.returncode, failed.stdout) == (3, "")
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in failed.stderr
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
