"""A Unix socket in front of a real engine's: it passes everything on, until a test cuts it as a dying engine would."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path


class CutSocket:
    """Listens at `path`; `cut` closes all connections and takes no more."""

    def __init__(self, path: Path, target: str) -> None:
        self.path = path
        self._target = target
        self._pairs: list[socket.socket] = []
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut(self) -> None:
        """The engine dies."""
        self.path.unlink(missing_ok=True)
        with self._lock:
            for one in (self._listener, *self._pairs):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def close(self) -> None:
        """End all threads."""
        self.cut()
        for thread in self._threads:
            thread.join(5)
        for one in self._pairs:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = self._reach(self._target)
            with self._lock:
                self._pairs += [client, server]
            for source, target in ((client, server), (server, client)):
                thread = threading.Thread(target=self._pass, args=(source, target), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _reach(self, target: str) -> socket.socket:
        """A connection to the engine, ready for what the client says."""
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.connect(target)
        return server

    @staticmethod
    def _pass(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def cut_socket(path: Path, docker_host: str) -> Iterator[CutSocket]:
    """The socket for the time of a `with` block."""
    between = CutSocket(path, docker_host.removeprefix("unix://"))
    try:
        yield between
    finally:
        between.close()
