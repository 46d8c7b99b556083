"""Everything that crosses a network obeys one retry policy, one proxy setting and one CA bundle."""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

if TYPE_CHECKING:
    from urllib3 import PoolManager

# Where the common systems keep their CA bundle: Debian and Alpine, Fedora and RHEL, SUSE.
SYSTEM_CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
)
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
T = TypeVar("T")

PROXY_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """Attempts with exponential back-off and full jitter; times in seconds."""

    attempts: int = 4
    first_wait: float = 0.5
    factor: float = 2.0
    longest_wait: float = 10.0

    def wait(self, attempt: int) -> float:
        """Seconds to wait after the given failed attempt (1, 2, ...)."""
        ceiling = min(self.longest_wait, self.first_wait * self.factor ** (attempt - 1))
        return random.uniform(ceiling / 2, ceiling)


def retry(
    call: Callable[[], T],
    *,
    transient: Callable[[Exception], bool],
    policy: RetryPolicy | None = None,
    on_retry: Callable[[Exception, int, float], None] | None = None,
    asked_to_wait: Callable[[Exception], float] | None = None,
) -> T:
    """Call until it succeeds, an error is not `transient`, or the attempts are used up (then the last error is raised).

    "Does not exist" must not be transient, "could not ask" must be. `on_retry` gets the error, the attempt that failed
    and the seconds that will be waited; `asked_to_wait` says how many the other side asks for at least.
    """
    rule = policy or RetryPolicy()
    attempt = 0
    while True:
        attempt += 1
        try:
            return call()
        except Exception as error:
            if attempt >= rule.attempts or not transient(error):
                raise
            seconds = max(rule.wait(attempt), asked_to_wait(error) if asked_to_wait is not None else 0.0)
            if on_retry is not None:
                on_retry(error, attempt, seconds)
            time.sleep(seconds)


def ca_bundle(configured: str | Path | None = None) -> Path | None:
    """The CA bundle to use: the configured one, else SSL_CERT_FILE, else the system's own; None when there is none."""
    candidates = [str(configured)] if configured else [os.environ.get("SSL_CERT_FILE", ""), *SYSTEM_CA_BUNDLES]
    for candidate in candidates:
        if candidate and Path(candidate).is_file():
            return Path(candidate)
    return None


def proxy_environment() -> dict[str, str]:
    """The proxy variables of this process, to hand on to a program that starts with a clean environment."""
    return {name: os.environ[name] for name in PROXY_NAMES if name in os.environ}


def is_loopback(host: str) -> bool:
    """Whether `host` (with or without a port) is this machine."""
    name = host if host.endswith("]") else re.sub(r":\d+$", "", host)
    return name in LOOPBACK


def proxy_for(url: str) -> str:
    """The proxy that the environment names for this address; empty when it is asked directly."""
    parts = urlsplit(url)
    direct = is_loopback(parts.netloc) or bool(proxy_bypass(parts.hostname or ""))
    return "" if direct else getproxies().get(parts.scheme, "")


def connections(
    proxy: str, *, ca_bundle: Path | None = None, connect: float, read: float, redirects: int = 0
) -> PoolManager:
    """Connections through `proxy` (directly when it is empty). Trying again is the business of `retry`.

    Without `redirects` an answer that points elsewhere is an answer like any other.
    """
    from urllib3 import PoolManager, ProxyManager, Retry, Timeout

    bundle = ca_bundle or _system_bundle()
    certificates = str(bundle) if bundle else None
    timeout = Timeout(connect=connect, read=read)
    again = Retry(total=redirects, connect=0, read=0, status=0, other=0) if redirects else False
    if proxy:
        return ProxyManager(proxy, ca_certs=certificates, timeout=timeout, retries=again)
    return PoolManager(ca_certs=certificates, timeout=timeout, retries=again)


def _system_bundle() -> Path | None:
    return ca_bundle()
