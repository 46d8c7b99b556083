"""Where the Docker engine listens: DOCKER_HOST and its TLS settings, else the sockets of the usual installations."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mlops_ci.errors import UsageError

SYSTEM_SOCKET = "/var/run/docker.sock"
# Docker's registered ports (IANA): docker, docker-s.
PLAIN_PORT, TLS_PORT = 2375, 2376


class DockerHostError(UsageError):
    """DOCKER_HOST is not an address that we can use."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """A Unix socket (`path`), or a host and port; `certificates` is the folder with ca.pem, cert.pem and key.pem."""

    path: str | None = None
    host: str = ""
    port: int = 0
    certificates: Path | None = None

    @property
    def url(self) -> str:
        """The form that DOCKER_HOST has."""
        return f"unix://{self.path}" if self.path is not None else f"tcp://{self.host}:{self.port}"

    def tls(self) -> ssl.SSLContext | None:
        """The TLS context that proves both sides to each other; None for a plain connection."""
        if self.certificates is None:
            return None
        context = ssl.create_default_context(cafile=str(self.certificates / "ca.pem"))
        context.load_cert_chain(self.certificates / "cert.pem", self.certificates / "key.pem")
        return context


def resolve(base_url: str | None, environ: Mapping[str, str]) -> Address:
    """The address to use. Raises `DockerHostError` for one that is not `unix://` or `tcp://`."""
    url = base_url or environ.get("DOCKER_HOST") or _local(environ)
    parts = urlsplit(url)
    if parts.scheme == "unix" and parts.path:
        return Address(path=parts.path)
    secure = parts.scheme == "https" or bool(environ.get("DOCKER_TLS_VERIFY"))
    try:
        port = parts.port or (TLS_PORT if secure else PLAIN_PORT)
    except ValueError:
        port = 0
    if parts.scheme not in ("tcp", "http", "https") or not parts.hostname or not port:
        raise DockerHostError(
            f"DOCKER_HOST is {url!r}",
            hint="use unix:///path/to/docker.sock or tcp://host:port; for ssh, forward the socket: "
            "ssh -L /tmp/docker.sock:/var/run/docker.sock HOST",
        )
    folder = Path(environ.get("DOCKER_CERT_PATH") or Path.home() / ".docker") if secure else None
    return Address(host=parts.hostname, port=port, certificates=folder)


def _local(environ: Mapping[str, str]) -> str:
    """The system's socket, else that of a rootless engine of this user."""
    rootless = Path(environ.get("XDG_RUNTIME_DIR") or "/nonexistent") / "docker.sock"
    chosen = rootless if not Path(SYSTEM_SOCKET).exists() and rootless.exists() else SYSTEM_SOCKET
    return f"unix://{chosen}"
