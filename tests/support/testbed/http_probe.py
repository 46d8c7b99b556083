"""One question to a server over loopback TCP or a Unix socket, without proxies: does it answer?"""

from __future__ import annotations

import http.client
import socket
from pathlib import Path

TIMEOUT = 5.0


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket (Docker's API)."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        """Open the socket; http.client calls this."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def status_over_tcp(host: str, port: int, path: str) -> int | None:
    """The HTTP status of a GET, None when there is no answer."""
    return _status(http.client.HTTPConnection(host, port, timeout=TIMEOUT), path)


def status_over_socket(socket_path: Path, path: str) -> int | None:
    """The HTTP status of a GET, None when there is no answer."""
    return _status(UnixConnection(socket_path), path)


def _status(connection: http.client.HTTPConnection, path: str) -> int | None:
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
