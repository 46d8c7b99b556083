"""A container's standard input and output over one connection to the engine: the leash goes in, frames come out."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable

# A frame: stream (1 byte), three zero bytes, size (4 bytes, big-endian), content (Docker Engine API, ContainerAttach).
HEADER = 8
CHUNK = 65536


class FrameReader:
    """Takes the frames apart; standard output and standard error come out together, in the order of the engine."""

    def __init__(self) -> None:
        self._header = b""
        self._left = 0

    def feed(self, data: bytes) -> bytes:
        """The content in the next piece of the connection, which may begin and end anywhere in a frame."""
        content = bytearray()
        view = memoryview(data)
        while view:
            if self._left == 0:
                missing = HEADER - len(self._header)
                self._header += bytes(view[:missing])
                view = view[missing:]
                if len(self._header) == HEADER:
                    self._left = int.from_bytes(self._header[4:], "big")
                    self._header = b""
                continue
            content += view[: self._left]
            taken = min(self._left, len(view))
            self._left -= taken
            view = view[taken:]
        return bytes(content)


class ContainerStream:
    """The connection. The container was created with StdinOnce: when we die, its standard input ends."""

    def __init__(self, connection: socket.socket, *, terminate: Callable[[], None]) -> None:
        """`terminate` asks the container to stop where the connection can't be closed in one direction (TLS)."""
        self._connection = connection
        self._terminate = terminate
        self._frames = FrameReader()
        self.ended = False

    def fileno(self) -> int | None:
        """What to wait for; None once the output has ended."""
        return None if self.ended else self._connection.fileno()

    def read(self) -> bytes:
        """What there is of the output; `ended` says when nothing more comes."""
        try:
            data = self._connection.recv(CHUNK)
            # What TLS has already decrypted makes no descriptor readable.
            while isinstance(self._connection, ssl.SSLSocket) and self._connection.pending():
                data += self._connection.recv(CHUNK)
        except OSError:
            data = b""
        self.ended = not data
        return self._frames.feed(data)

    def send(self, data: bytes) -> None:
        """Write to the container's standard input; raises `OSError` when it is gone."""
        self._connection.sendall(data)

    def close_leash(self) -> None:
        """End the container's standard input; its output still comes."""
        if isinstance(self._connection, ssl.SSLSocket):
            self._terminate()
            return
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()
