"""Where Docker is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_ci.engines import docker_address
from mlops_ci.engines.docker_address import Address, DockerHostError, resolve


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"DOCKER_HOST": "unix:///run/d.sock"}, Address(path="/run/d.sock")),
        ({"DOCKER_HOST": "tcp://docker"}, Address(host="docker", port=2375)),
        ({"DOCKER_HOST": "tcp://docker:1234"}, Address(host="docker", port=1234)),
        ({"DOCKER_HOST": "http://docker:1234"}, Address(host="docker", port=1234)),
        (
            {"DOCKER_HOST": "tcp://docker", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"},
            Address(host="docker", port=2376, certificates=Path("/certs")),
        ),
        (
            {"DOCKER_HOST": "https://docker:5", "DOCKER_CERT_PATH": "/certs"},
            Address(host="docker", port=5, certificates=Path("/certs")),
        ),
    ],
)
def test_docker_host(environ: dict[str, str], expected: Address):
    assert resolve(None, environ) == expected


def test_a_url_given_by_name_goes_before_the_environment():
    assert resolve("unix:///a.sock", {"DOCKER_HOST": "unix:///b.sock"}).url == "unix:///a.sock"


@pytest.mark.parametrize(
    "url", ["ssh://host", "npipe:////./pipe/docker", "docker:2375", "tcp://", "tcp://h:none", "unix://"]
)
def test_what_cannot_be_used_is_said_with_a_way_out(url: str):
    with pytest.raises(DockerHostError) as caught:
        resolve(None, {"DOCKER_HOST": url})

    assert url in caught.value.cause
    assert caught.value.exit_code == 2
    assert "unix://" in caught.value.hint


def test_the_systems_socket_goes_before_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    own = tmp_path / "docker.sock"
    own.touch()
    environ = {"XDG_RUNTIME_DIR": str(tmp_path)}

    monkeypatch.setattr(docker_address, "SYSTEM_SOCKET", str(tmp_path / "missing"))
    assert resolve(None, environ).path == str(own)
    assert resolve(None, {}).path == str(tmp_path / "missing")
    monkeypatch.setattr(docker_address, "SYSTEM_SOCKET", str(own))
    assert resolve(None, {"XDG_RUNTIME_DIR": "/nonexistent"}).path == str(own)


def test_a_plain_connection_has_no_tls():
    assert Address(host="docker", port=1).tls() is None
    assert Address(host="docker", port=1).url == "tcp://docker:1"
