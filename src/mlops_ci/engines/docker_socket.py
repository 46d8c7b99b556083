"""Questions to the Docker engine in plain HTTP on its socket: quick to import, quick to answer.

`plan` asks with this, so that it needs no client library; and a container's input and output are taken over with it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
from typing import Any
from urllib.parse import quote

from mlops_ci.engines.docker_address import Address, resolve
from mlops_ci.errors import InfrastructureError
from mlops_ci.network import RetryPolicy, retry

TIMEOUT = 10.0


class DockerUnreachableError(InfrastructureError):
    """The Docker engine could not be asked."""


class EndlessAnswer:
    """An answer that is read while it comes."""

    def __init__(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse, stream: socket.socket
    ) -> None:
        self._connection = connection
        self._response = response
        self._stream = stream

    def readline(self) -> bytes:
        """The next line; nothing at the end. It waits, without a limit."""
        return self._response.readline()

    def cut(self) -> None:
        """End it: who waits in `readline`, in another thread, comes back."""
        with contextlib.suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection; nobody may read any more."""
        self._response.close()
        self._connection.close()


class DockerSocket:
    """One connection per question. `base_url` as DOCKER_HOST has it; by default DOCKER_HOST, else the usual sockets."""

    def __init__(self, base_url: str | None = None, *, timeout: float = TIMEOUT) -> None:
        self.address = resolve(base_url, os.environ)
        self._timeout = timeout

    def ping(self) -> str:
        """The API version of the engine. Raises `DockerUnreachableError` with the reason; it is asked only once."""
        status, headers, _ = self._ask("/_ping")
        if status != 200:
            raise DockerUnreachableError(f"{self.address.url} answered {status} to a ping", hint="is it Docker?")
        podman = headers.get("Libpod-Api-Version")
        if podman is not None:
            raise DockerUnreachableError(
                f"Podman {podman} answers at {self.address.url}, which is not supported: it has no BuildKit, and lets "
                "nobody hold a job's input",
                hint="start Docker and set DOCKER_HOST to its socket, or use --engine host",
            )
        return headers.get("Api-Version") or headers.get("API-Version") or "unknown"

    def version(self) -> dict[str, Any]:
        """`docker version` of the engine: Version, ApiVersion, Os, Arch, ..."""
        return self._json("/version")

    def info(self) -> dict[str, Any]:
        """`docker info`: NCPU, MemTotal, SecurityOptions, Runtimes, DriverStatus, ..."""
        return self._json("/info")

    def image(self, ref: str) -> dict[str, Any] | None:
        """What the engine knows of an image (Id, RepoDigests, Size in bytes, ...); None when it does not have it."""
        return self._found(f"/images/{quote(ref, safe='/:@')}/json")

    def history(self, ref: str) -> list[dict[str, Any]]:
        """The steps that made an image, newest first: CreatedBy, Size in bytes, ...; nothing when it is not here."""
        found = self._value(f"/images/{quote(ref, safe='/:@')}/history")
        return found if isinstance(found, list) else []

    def container(self, name: str) -> dict[str, Any] | None:
        """What the engine knows of a container; None when there is none of that name or id."""
        return self._found(f"/containers/{quote(name, safe='')}/json")

    def containers(self, *, label: str) -> list[dict[str, Any]]:
        """The containers in any state that have the label (`name` or `name=value`): Id, State, Labels, ..."""
        found = self._value(f"/containers/json?all=1&filters={quote(json.dumps({'label': [label]}))}")
        return found if isinstance(found, list) else []

    def bridge_gateway(self) -> str:
        """The address of this machine on the engine's default bridge network."""
        network = self._found("/networks/bridge") or {}
        for config in (network.get("IPAM") or {}).get("Config") or ():
            if config.get("Gateway"):
                return str(config["Gateway"])
        raise DockerUnreachableError(
            f"the engine at {self.address.url} has no default bridge network",
            hint="remove `bridge: none` from its daemon.json, or name your servers by an address that containers reach",
        )

    def follow(self, path: str) -> EndlessAnswer:
        """An answer that goes on for as long as the engine has something to tell; the caller closes it."""
        connection = _connection(self.address, self._timeout)
        try:
            connection.request("GET", path)
            stream: socket.socket = connection.sock
            response = connection.getresponse()
            if response.status != 200:
                raise DockerUnreachableError(
                    f"the engine answered {response.status} to {path}: {_message(response.read())}"
                )
            stream.settimeout(None)
            return EndlessAnswer(connection, response, stream)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._unreachable(error) from error
        except BaseException:
            connection.close()
            raise

    def take_over(self, path: str) -> socket.socket:
        """POST to `path` and keep the connection as a two-way stream (the engine's "hijacking"); close it when done."""
        connection = _connection(self.address, self._timeout)
        try:
            connection.request("POST", path, headers={"Connection": "Upgrade", "Upgrade": "tcp"})
            response = connection.getresponse()
            if response.status != 101:
                raise DockerUnreachableError(
                    f"the engine answered {response.status} to {path}: {_message(response.read())}"
                )
            # Nobody else may close the socket, or keep what comes on it: nothing comes before the container starts.
            stream: socket.socket = connection.sock
            connection.sock = None
            response.close()
            stream.settimeout(None)
            return stream
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def _json(self, path: str) -> dict[str, Any]:
        found = self._found(path)
        if found is None:
            raise DockerUnreachableError(f"{self.address.url} does not know {path}", hint="is it Docker?")
        return found

    def _found(self, path: str) -> dict[str, Any] | None:
        """The JSON object at `path`; None for 404."""
        value = self._value(path)
        if value is not None and not isinstance(value, dict):
            raise DockerUnreachableError(f"{self.address.url} answered {path} with no object", hint="is it Docker?")
        return value

    def _value(self, path: str) -> Any:
        """The JSON value at `path`; None for 404. What is no answer is asked again a few times."""
        status, _, body = retry(
            lambda: self._answer(path),
            transient=lambda error: isinstance(error, DockerUnreachableError) and _is_transient(error.__cause__),
            policy=RetryPolicy(attempts=3, first_wait=0.3, longest_wait=2.0),
        )
        if status == 404:
            return None
        if status != 200:
            raise DockerUnreachableError(f"the engine answered {status} to {path}: {_message(body)}")
        try:
            return json.loads(body)
        except ValueError as error:
            raise DockerUnreachableError(
                f"{self.address.url} answered {path} with no JSON", hint="is it Docker?"
            ) from error

    def _answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        answer = self._ask(path)
        if answer[0] >= 500:
            cause = _ServerError(_message(answer[2]))
            raise DockerUnreachableError(f"the engine answered {answer[0]} to {path}: {cause}") from cause
        return answer

    def _ask(self, path: str) -> tuple[int, dict[str, str], bytes]:
        connection = _connection(self.address, self._timeout)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def _unreachable(self, error: Exception) -> DockerUnreachableError:
        where = self.address.url
        if isinstance(error, FileNotFoundError):
            return DockerUnreachableError(
                f"no Docker engine listens at {where}", hint="start Docker, or set DOCKER_HOST to its socket"
            )
        if isinstance(error, PermissionError):
            return DockerUnreachableError(
                f"this user may not use the Docker socket {where}",
                hint="add the user to the group `docker` and log in again, or use rootless Docker",
            )
        if isinstance(error, ConnectionRefusedError):
            return DockerUnreachableError(f"the Docker engine at {where} is not running", hint="start it")
        if isinstance(error, TimeoutError):
            return DockerUnreachableError(
                f"the Docker engine at {where} did not answer within {self._timeout:.0f} s", hint="is it overloaded?"
            )
        return DockerUnreachableError(
            f"the Docker engine at {where} could not be asked: {error!r}", hint="is it running, and is it Docker?"
        )


class _ServerError(Exception):
    """An answer of 500 or above: the engine could not say."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connection(address: Address, timeout: float) -> http.client.HTTPConnection:
    if address.path is not None:
        return _UnixConnection(address.path, timeout)
    context = address.tls()
    if context is not None:
        return http.client.HTTPSConnection(address.host, address.port, timeout=timeout, context=context)
    return http.client.HTTPConnection(address.host, address.port, timeout=timeout)


def _is_transient(error: BaseException | None) -> bool:
    """No socket, no permission and nobody listening do not change within a second; the rest may."""
    return not isinstance(error, FileNotFoundError | PermissionError | ConnectionRefusedError)


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace").strip()[:200]
