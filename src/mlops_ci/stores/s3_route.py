"""From the address of a bucket to connections: directly, through a proxy, with the site's certificates."""

from __future__ import annotations

import base64
import http.client
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlops_ci import network

# For connecting, and for each block that is sent or awaited.
CONNECT_SECONDS = 10
BLOCK_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Route:
    """How a server is reached: `connect` makes a connection, whose requests name `target` before their path.

    `headers` go with every request: a proxy that is spoken to without a tunnel wants to know who asks.
    """

    connect: Callable[[], http.client.HTTPConnection]
    target: str = ""
    headers: tuple[tuple[str, str], ...] = ()


def route(root: str, *, bundle: Path | None) -> Route:
    """The route to `root` (scheme, host and port)."""
    parts = urlsplit(root)
    host, port = parts.hostname or "", parts.port
    proxy = urlsplit(network.proxy_for(root))
    context = ssl.create_default_context(cafile=str(bundle) if bundle else None) if parts.scheme == "https" else None
    if not proxy.hostname:
        return Route(connect=lambda: _connection(host, port, context))
    # A proxy whose own address is https is rare, and trusted by the same authorities.
    secure = ssl.create_default_context(cafile=str(bundle) if bundle else None) if proxy.scheme == "https" else None
    asks = _authorization(proxy.username, proxy.password)
    if context is None:
        return Route(
            connect=lambda: _connection(proxy.hostname or "", proxy.port, secure),
            target=root,
            headers=tuple(asks.items()),
        )

    def tunnel() -> http.client.HTTPConnection:
        made = _connection(proxy.hostname or "", proxy.port or 80, context)
        made.set_tunnel(host, port or 443, headers=asks)
        return made

    return Route(connect=tunnel)


def _connection(host: str, port: int | None, context: ssl.SSLContext | None) -> http.client.HTTPConnection:
    if context is None:
        return _Patient(host, port, timeout=CONNECT_SECONDS)
    return _PatientTls(host, port, timeout=CONNECT_SECONDS, context=context)


class _Patient(http.client.HTTPConnection):
    """Waits longer for answers than for a connection."""

    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(BLOCK_SECONDS)


class _PatientTls(http.client.HTTPSConnection):
    """The same over TLS."""

    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(BLOCK_SECONDS)


def _authorization(name: str | None, password: str | None) -> dict[str, str]:
    if name is None:
        return {}
    pair = f"{unquote(name)}:{unquote(password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
