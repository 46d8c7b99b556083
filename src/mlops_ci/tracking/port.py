"""A free port that stays ours until the server has it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from mlops_ci.tracking.errors import EmbeddedServerError


@contextmanager
def held_port(host: str) -> Iterator[int]:
    """A port of `host` that is free, kept for the `with` block.

    It is bound and does not listen. With SO_REUSEADDR on both sides (uvicorn sets it) Linux lets the server listen on
    it all the same, while nobody is given this port who asks for any free one.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind((host, 0))
        except OSError as error:
            raise EmbeddedServerError(
                f"MLflow can't listen on {host}: {error.strerror or error}",
                hint="the address must be one of this machine's (for containers: the container bridge's gateway)",
            ) from error
        yield int(holder.getsockname()[1])
