"""Forwards connections to a server and looks at what clients send it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

CHUNK = 1 << 18


@contextmanager
def forwarding(
    server: socket.socket, connect: Callable[[], socket.socket], seen: Callable[[bytes], None]
) -> Iterator[None]:
    """Take what comes to the listening `server` for the time of a `with` block, and tell `seen` what is on its way."""

    def copy(source: socket.socket, sink: socket.socket, told: Callable[[bytes], None] | None) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                if told is not None:
                    told(data)
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                other = connect()
                threading.Thread(target=copy, args=(client, other, seen), daemon=True).start()
                threading.Thread(target=copy, args=(other, client, None), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield
    finally:
        server.close()
