"""The health check of the container: each service that should run is asked over its own protocol."""

import contextlib
import json
import socket
import ssl
import sys
import urllib.request
from collections.abc import Iterator

from . import jupyter
from .settings import Settings

SECONDS = 5.0


def check(settings: Settings) -> int:
    """0 when every service answers; else it says which does not."""
    problems = list(_problems(settings))
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _problems(settings: Settings) -> Iterator[str]:
    if settings.jupyter is not None:
        try:
            _ask_jupyter(jupyter.address(settings.jupyter))
        except (OSError, ValueError, KeyError) as error:
            yield f"JupyterLab does not answer: {error!r}"
    if settings.ssh is not None:
        try:
            _ask_ssh(settings.ssh.port)
        except (OSError, ValueError) as error:
            yield f"the SSH server does not answer: {error!r}"


def _ask_jupyter(address: str) -> None:
    # The certificate is for the name that others use, not for this machine's own address.
    context = ssl._create_unverified_context() if address.startswith("https") else None  # noqa: S323, SLF001
    with urllib.request.urlopen(f"{address}/api", timeout=SECONDS, context=context) as answer:  # noqa: S310
        json.load(answer)["version"]


def _ask_ssh(port: int) -> None:
    with contextlib.closing(socket.create_connection(("127.0.0.1", port), SECONDS)) as connection:
        connection.settimeout(SECONDS)
        said = connection.recv(8)
    if not said.startswith(b"SSH-2.0"):
        raise ValueError(f"it said {said!r}")
