"""Which engine is chosen, with and without a Docker that answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mlops_ci.console import Console
from mlops_ci.engines.base import EngineUnavailableError
from mlops_ci.engines.select import EngineChoiceError, choose
from support.heard import Heard


@pytest.fixture
def heard() -> Heard:
    return Heard()


def _choose(name: str, heard: Heard, *, local: bool = True) -> str:
    return choose(name, local=local, project=Path("/nonexistent"), console=Console(sink=heard)).name


def test_auto_is_docker_when_it_answers(docker_host: str, heard: Heard, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DOCKER_HOST", docker_host)

    assert _choose("auto", heard) == "docker"
    assert heard.lines == []


def test_auto_is_the_host_when_docker_does_not_answer_and_says_so(heard: Heard, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")

    assert _choose("auto", heard) == "host"
    (line,) = heard.lines
    assert line.startswith("warning: ")
    assert "HOST" in line
    assert "no Docker engine listens at unix:///nonexistent/docker.sock" in line


def test_an_address_that_cannot_be_used_is_no_docker(heard: Heard, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DOCKER_HOST", "ssh://build@gpu-box")

    assert _choose("auto", heard) == "host"
    assert "ssh://build@gpu-box" in heard.lines[0]
    with pytest.raises(EngineUnavailableError, match="forward the socket"):
        _choose("docker", heard)


@pytest.mark.parametrize("address", ["unix:///nonexistent/docker.sock", None])
def test_auto_is_refused_where_a_pipeline_must_not_change_with_a_daemon(
    heard: Heard, monkeypatch: pytest.MonkeyPatch, address: str | None
):
    if address is not None:
        monkeypatch.setenv("DOCKER_HOST", address)

    with pytest.raises(EngineChoiceError) as caught:
        _choose("auto", heard, local=False)
    assert caught.value.exit_code == 2
    assert "--engine docker, host or inside" in caught.value.hint


def test_docker_by_name_never_falls_back(heard: Heard, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")

    with pytest.raises(EngineUnavailableError, match="no Docker engine listens") as caught:
        _choose("docker", heard)
    assert caught.value.exit_code == 3


def test_docker_without_its_client_library_says_what_to_install(
    docker_host: str, heard: Heard, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    # How Python itself is told that a module is not to be found.
    monkeypatch.setitem(sys.modules, "docker", None)

    with pytest.raises(EngineUnavailableError, match=r'pip install "mlops-ci\[docker\]"'):
        _choose("docker", heard)
    assert _choose("auto", heard) == "host"


@pytest.mark.parametrize("name", ["host", "inside"])
@pytest.mark.parametrize("local", [True, False])
def test_the_engines_of_this_machine_are_taken_by_name(name: str, local: bool, heard: Heard):
    assert _choose(name, heard, local=local) == name


def test_an_unknown_engine(heard: Heard):
    with pytest.raises(EngineChoiceError, match="podman"):
        _choose("podman", heard)


def test_a_folder_named_docker_is_no_client_library(
    docker_host: str, tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    (tmp_path / "docker").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *[one for one in sys.path if "site-packages" not in one]])
    monkeypatch.delitem(sys.modules, "docker", raising=False)

    assert _choose("auto", heard) == "host"


def test_choosing_sweeping_and_asking_import_no_client_library(docker_host: str):
    code = """
import sys
from pathlib import Path
from mlops_ci.console import Console, NullSink
from mlops_ci.engines.docker_socket import DockerSocket
from mlops_ci.engines.select import choose
choose("auto", local=True, project=Path("/nonexistent"), console=Console(sink=NullSink())).sweep()
DockerSocket().image("nothing:1")
heavy = {"docker", "requests", "urllib3", "torch", "mlflow", "boto3", "pydantic"} & set(sys.modules)
assert not heavy, heavy
"""
    environment = {"PATH": "/usr/bin:/bin", "DOCKER_HOST": docker_host, "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
