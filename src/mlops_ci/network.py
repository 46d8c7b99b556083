"""Everything that crosses a network obeys one retry policy, one proxy setting and one CA bundle."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

# Where the common systems keep their CA bundle: Debian and Alpine, Fedora and RHEL, SUSE.
SYSTEM_CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
)
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
) -> T:
    """Call until it succeeds, an error is not `transient`, or the attempts are used up (then the last error is raised).

    "Does not exist" must not be transient, "could not ask" must be. `on_retry` gets the error, the attempt that failed
    and the seconds that will be waited.
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
            seconds = rule.wait(attempt)
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
