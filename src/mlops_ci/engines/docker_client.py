"""The engine's client library, opened and closed here; imported nowhere at the top of a module."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mlops_ci.engines.base import EngineUnavailableError
from mlops_ci.engines.defaults import defaults
from mlops_ci.engines.docker_address import Address
from mlops_ci.engines.docker_socket import DockerSocket, DockerUnreachableError

TIMEOUT = 60
STEP = 0.1


@contextmanager
def open_client(address: Address) -> Iterator[Any]:
    """A `docker.APIClient` for the address. Raises `EngineUnavailableError` when the library is missing."""
    try:
        import docker
        import docker.errors
        import docker.tls
    except ImportError as error:
        raise EngineUnavailableError(
            "the Docker engine needs the Python package `docker`", hint='pip install "mlops-ci[docker]"'
        ) from error
    folder = address.certificates
    tls = None
    if folder is not None:
        pair = (str(folder / "cert.pem"), str(folder / "key.pem"))
        tls = docker.tls.TLSConfig(client_cert=pair, ca_cert=str(folder / "ca.pem"), verify=True)
    try:
        client = docker.APIClient(base_url=address.url, version="auto", timeout=TIMEOUT, tls=tls or False)
    except docker.errors.DockerException as error:
        raise DockerUnreachableError(
            f"the Docker engine at {address.url} could not be asked: {error}", hint="is it running?"
        ) from error
    with contextlib.closing(client):
        yield client


def answers(engine: DockerSocket) -> bool:
    """Whether the engine can still be asked. The library leaks its socket when it cannot."""
    try:
        engine.ping()
    except DockerUnreachableError:
        return False
    return True


def remove_container(client: Any, engine: DockerSocket, container: str) -> None:
    """Kill and remove it and return when it is gone; an engine that is gone or refuses can't be helped here."""
    if not answers(engine):
        return
    import docker.errors
    import requests.exceptions

    deadline = time.monotonic() + defaults().stop_kill
    with contextlib.suppress(requests.exceptions.RequestException):
        while time.monotonic() < deadline:
            try:
                client.remove_container(container, force=True, v=True)
            except docker.errors.NotFound:
                return
            except docker.errors.APIError:
                # It is being removed at this moment (409), or its processes are still dying: look again.
                time.sleep(STEP)
