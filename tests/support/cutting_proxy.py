"""A TCP proxy in front of a real server: it can cut connections half-way, and speak TLS to its clients.

It stands at a true edge, the network between client and server: every byte it lets through is real.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class CuttingProxy:
    """The first `cuts` connections that carry an answer longer than `after` bytes are cut there."""

    upstream: tuple[str, int]
    listener: socket.socket
    tls: ssl.SSLContext | None = None
    cuts: int = 0
    after: int = 0
    cut: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def endpoint(self) -> str:
        scheme = "https" if self.tls is not None else "http"
        return f"{scheme}://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        while not self.stopped.is_set():
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            stack.enter_context(client)
            if self.tls is not None:
                client = stack.enter_context(self.tls.wrap_socket(client, server_side=True))
            server = stack.enter_context(socket.create_connection(self.upstream))
            selector = stack.enter_context(selectors.DefaultSelector())
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            answered = 0
            while not self.stopped.is_set():
                for key, _ in selector.select(timeout=0.2):
                    source, target = key.fileobj, key.data
                    pending = 1
                    while pending:
                        data = source.recv(65536)
                        if not data:
                            return
                        if source is client:
                            answered = 0
                        else:
                            answered += len(data)
                            if answered > self.after and self._may_cut():
                                return
                        target.sendall(data)
                        pending = source.pending() if isinstance(source, ssl.SSLSocket) else 0

    def _may_cut(self) -> bool:
        with self.lock:
            if self.cut >= self.cuts:
                return False
            self.cut += 1
            return True


@contextlib.contextmanager
def cutting_proxy(endpoint: str, *, tls: ssl.SSLContext | None = None) -> Iterator[CuttingProxy]:
    """A proxy on a free port of loopback in front of the HTTP server at `endpoint`."""
    host, _, port = endpoint.removeprefix("http://").partition(":")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = CuttingProxy(upstream=(host, int(port)), listener=listener, tls=tls)
        thread = threading.Thread(target=proxy.serve, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.stopped.set()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=5)
