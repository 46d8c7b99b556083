"""Free TCP ports on loopback."""

from __future__ import annotations

import random
import socket

# Below the kernel's ephemeral range (32768 up), so that no outgoing connection takes one in between.
CANDIDATES = range(20_000, 32_000)


def free_ports(count: int, *, companion: int = 0) -> tuple[int, ...]:
    """`count` different free ports; with `companion`, the port that many higher is free too (SeaweedFS: gRPC)."""
    found: list[int] = []
    for port in random.SystemRandom().sample(CANDIDATES, k=len(CANDIDATES)):
        if is_free(port) and (not companion or is_free(port + companion)):
            found.append(port)
            if len(found) == count:
                return tuple(found)
    raise OSError(f"no {count} free ports between {CANDIDATES.start} and {CANDIDATES.stop}")


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
