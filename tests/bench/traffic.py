"""What goes to the testbed's registry: an address of this machine that forwards to it, and counts."""

from __future__ import annotations

import os
import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.forwarding import forwarding

REQUEST = re.compile(rb"^(GET|POST|HEAD|PUT|PATCH|DELETE) (\S+) HTTP/1", re.MULTILINE)


@dataclass
class Traffic:
    """Bytes and requests on their way to the registry, the requests by method."""

    bytes: int = 0
    requests: Counter[str] = field(default_factory=Counter)

    def seen(self, data: bytes) -> None:
        """Count what a client sent."""
        self.bytes += len(data)
        self.requests.update(method.decode() for method, _ in REQUEST.findall(data))

    def clear(self) -> None:
        """Begin again at nothing."""
        self.bytes = 0
        self.requests.clear()


@contextmanager
def measuring() -> Iterator[tuple[str, Traffic]]:
    """The address, in place of MLOPS_CI_TEST_REGISTRY, and what goes there."""
    host, _, port = os.environ["MLOPS_CI_TEST_REGISTRY"].partition(":")
    traffic = Traffic()
    server = socket.create_server(("127.0.0.1", 0))
    with forwarding(server, lambda: socket.create_connection((host, int(port))), traffic.seen):
        yield f"localhost:{server.getsockname()[1]}", traffic
