"""Questions to a real Docker engine, and what is said when there is none."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from mlops_ci.engines.docker_socket import DockerSocket, DockerUnreachableError

# What Podman 4.3.1 of Debian 12 says on its Docker-compatible socket.
PODMAN = (
    b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nBuildkit-Version: \r\nLibpod-Api-Version: 4.3.1\r\n"
    b"Server: Libpod/4.3.1 (linux)\r\nContent-Length: 2\r\n\r\nOK"
)


def test_a_real_engine_answers(docker_host: str, base_image: str):
    engine = DockerSocket(docker_host)

    assert engine.ping().count(".") == 1
    assert engine.version()["Os"] == "linux"
    assert engine.info()["NCPU"] > 0
    found = engine.image(base_image)
    assert found is not None
    assert found["Id"].startswith("sha256:")
    assert engine.image(found["Id"]) is not None
    assert engine.bridge_gateway().count(".") == 3


def test_what_does_not_exist_is_none_and_no_error(docker_host: str):
    engine = DockerSocket(docker_host)

    assert engine.image("mlops-ci-test/nowhere:1") is None
    assert engine.image("localhost:1/mlops-ci-test/nowhere@sha256:" + "0" * 64) is None
    assert engine.container("mlops-ci-test-nowhere") is None
    assert engine.containers(label="io.mlops-ci.nothing") == []


def test_no_socket(tmp_path: Path):
    with pytest.raises(DockerUnreachableError, match="no Docker engine listens") as caught:
        DockerSocket(f"unix://{tmp_path}/none.sock").image("x")
    assert caught.value.exit_code == 10


def test_a_socket_that_nobody_serves(tmp_path: Path):
    with socket.socket(socket.AF_UNIX) as abandoned:
        abandoned.bind(str(tmp_path / "old.sock"))

    with pytest.raises(DockerUnreachableError, match="is not running"):
        DockerSocket(f"unix://{tmp_path}/old.sock").ping()


def test_an_engine_that_says_nothing(tmp_path: Path):
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "mute.sock"))
        mute.listen()

        with pytest.raises(DockerUnreachableError, match="did not answer within 0 s"):
            DockerSocket(f"unix://{tmp_path}/mute.sock", timeout=0.2).ping()


def test_podman_is_named_and_no_docker(tmp_path: Path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "p.sock"))
        listener.listen()
        thread = threading.Thread(target=_serve, args=(listener, PODMAN, PODMAN), daemon=True)
        thread.start()

        with pytest.raises(DockerUnreachableError, match=r"Podman 4\.3\.1 answers .* not supported") as caught:
            DockerSocket(f"unix://{tmp_path}/p.sock").ping()
        assert "--engine host" in caught.value.hint
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi\n", b""])
def test_something_else_that_listens_there(answer: bytes):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, answer), daemon=True)
        thread.start()

        with pytest.raises(DockerUnreachableError):
            DockerSocket(f"tcp://127.0.0.1:{listener.getsockname()[1]}", timeout=2).info()
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_an_error_of_the_engine_is_asked_again_and_a_missing_image_is_not(tmp_path: Path):
    bodies = [b'{"message": "busy"}', b'{"message": "busy"}', b'{"Id": "sha256:1"}']
    codes = [b"500 Internal Server Error", b"503 Service Unavailable", b"200 OK"]
    answers = [
        b"HTTP/1.1 " + code + b"\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
        for code, body in zip(codes, bodies, strict=True)
    ]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.sock"))
        listener.listen()
        thread = threading.Thread(target=_serve, args=(listener, *answers), daemon=True)
        thread.start()

        assert DockerSocket(f"unix://{tmp_path}/s.sock").image("x") == {"Id": "sha256:1"}
        thread.join(5)


def _serve(listener: socket.socket, *answers: bytes) -> None:
    """One answer per connection; the last one for all further ones."""
    for number in range(10):
        if number >= len(answers) and len(answers) > 1:
            return
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.recv(65536)
            connection.sendall(answers[min(number, len(answers) - 1)])
