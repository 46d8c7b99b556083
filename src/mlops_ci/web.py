"""Short talks with services outside, in JSON: few attempts, bounded in time, and errors that name the host alone.

An address may be a secret (a webhook's is), so no error and no log says more of it than its host.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

from mlops_ci.errors import InfrastructureError, MissingError
from mlops_ci.network import RetryPolicy, connections, proxy_for, retry

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager
    from urllib3.exceptions import HTTPError

T = TypeVar("T")
POLICY = RetryPolicy(attempts=3, first_wait=1.0, longest_wait=4.0)
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
# Longer than this nobody waits for a service that asks for patience.
LONGEST_WAIT = 60.0
# A page of a hundred comments at their longest.
LARGEST_ANSWER = 128 * 1024**2
NO_ADDRESS, WHOLE = "the address is none", "it begins with https:// and has no spaces"


class ServiceUnreachableError(InfrastructureError):
    """A service outside could not be asked, or failed, after the retries: network, timeout, rate limit, its own error.

    `asked_to_wait` are the seconds that it wants to be left alone; `unheard` says that it certainly did nothing.
    """

    def __init__(self, cause: str, *, hint: str = "", asked_to_wait: float = 0.0, unheard: bool = False) -> None:
        super().__init__(cause, hint=hint)
        self.asked_to_wait = asked_to_wait
        self.unheard = unheard


class ServiceRefusedError(MissingError):
    """A service outside refuses what was asked: a wrong address, token or permission. Not tried again."""

    def __init__(self, cause: str, *, hint: str = "", status: int = 0) -> None:
        super().__init__(cause, hint=hint)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer with a status of the 200s; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The value in it; raises `ValueError` when it is none."""
        return json.loads(self.body)


@dataclass(kw_only=True)
class Web:
    """Asks services. Redirects are not followed: a token or a message must not go where nobody sent it."""

    ca_bundle: Path | None = None
    timeout: float = 10.0
    policy: RetryPolicy = POLICY
    longest_wait: float = LONGEST_WAIT
    _pools: dict[str, PoolManager] = field(default_factory=dict)

    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        again: bool = True,
    ) -> Answer:
        """The answer. With `again` False only what the service has certainly not done is tried again.

        Raises `ServiceUnreachableError` and `ServiceRefusedError`.
        """

        def transient(error: Exception) -> bool:
            if not isinstance(error, ServiceUnreachableError) or error.asked_to_wait > self.longest_wait:
                return False
            return again or error.unheard

        return retry(
            lambda: self._once(method, url, headers, body),
            transient=transient,
            policy=self.policy,
            asked_to_wait=lambda error: getattr(error, "asked_to_wait", 0.0),
        )

    def _once(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        from urllib3.exceptions import HTTPError

        host = _host(url)
        try:
            response = self._pool(url).request(
                method, url, headers=dict(headers), body=body, redirect=False, preload_content=False
            )
            data = response.read(LARGEST_ANSWER + 1, decode_content=True)
            response.release_conn()
        except HTTPError as error:
            raise _unheard(host, error) from None
        except (OSError, ValueError) as error:
            raise ServiceRefusedError(f"{host} cannot be asked: {type(error).__name__}", hint=WHOLE) from None
        if len(data) > LARGEST_ANSWER:
            raise ServiceRefusedError(f"{host} answered with more than {LARGEST_ANSWER // 1024**2} MiB")
        if 200 <= response.status < 300:
            named = {name.lower(): value for name, value in response.headers.items()}
            return Answer(status=response.status, headers=named, body=data)
        raise _refusal(host, response)

    def _pool(self, url: str) -> PoolManager:
        proxy = proxy_for(url)
        if proxy not in self._pools:
            self._pools[proxy] = connections(
                proxy, ca_bundle=self.ca_bundle, connect=self.timeout, read=self.timeout, redirects=0
            )
        return self._pools[proxy]


def _host(url: str) -> str:
    """Host and port; raises `ServiceRefusedError` for what is no address, without showing it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ServiceRefusedError(NO_ADDRESS, hint=WHOLE) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ServiceRefusedError(NO_ADDRESS, hint=WHOLE)
    return parts.netloc.rpartition("@")[2]


def _unheard(host: str, error: HTTPError) -> ServiceUnreachableError | ServiceRefusedError:
    """The library's own words hold the whole address, so only the kind of error is told."""
    from urllib3 import exceptions as kinds

    if isinstance(error, kinds.SSLError):
        return ServiceRefusedError(
            f"the TLS certificate of {host} is not trusted here", hint="set [mirrors] ca-bundle to your site's bundle"
        )
    if isinstance(error, kinds.LocationValueError):
        return ServiceRefusedError(NO_ADDRESS, hint=WHOLE)
    hint = "check the network and the proxy"
    if isinstance(error, kinds.ConnectTimeoutError | kinds.NewConnectionError | kinds.ProxyError):
        return ServiceUnreachableError(f"{host} could not be reached", hint=hint, unheard=True)
    if isinstance(error, kinds.TimeoutError):
        return ServiceUnreachableError(f"{host} did not answer in time", hint=hint)
    return ServiceUnreachableError(f"the connection to {host} broke", hint=hint)


def _refusal(host: str, response: BaseHTTPResponse) -> ServiceUnreachableError | ServiceRefusedError:
    status = response.status
    wait = asked_to_wait(status, {name.lower(): value for name, value in response.headers.items()})
    if wait is not None:
        later = f" for {wait:.0f} s" if wait else ""
        return ServiceUnreachableError(
            f"{host} limits how often it may be asked (status {status}){later}",
            hint="try again later",
            asked_to_wait=wait,
            unheard=True,
        )
    if status in TRANSIENT:
        return ServiceUnreachableError(f"{host} failed (status {status})", hint="try again later")
    meaning = {
        401: ("does not know the token or address", "is the secret the right one, and not expired?"),
        403: ("does not allow it", "the token lacks a permission"),
        404: ("knows no such thing, or hides it", "is the address the right one, and does the token reach it?"),
        410: ("says that it is gone", "make a new address and put it into the secret"),
    }
    what, hint = meaning.get(status, ("did not accept it", "what was sent does not fit this service"))
    return ServiceRefusedError(f"{host} {what} (status {status})", hint=hint, status=status)


def asked_to_wait(status: int, headers: Mapping[str, str]) -> float | None:
    """The seconds that a rate limit asks for, or None when this is none (GitHub also says 403 for its limits)."""
    limited = status == 429 or (
        status == 403 and ("retry-after" in headers or headers.get("x-ratelimit-remaining") == "0")
    )
    if not limited:
        return None
    if (after := headers.get("retry-after")) is not None:
        return _seconds(after)
    reset = headers.get("x-ratelimit-reset") or headers.get("ratelimit-reset") or ""
    return max(0.0, float(reset) - time.time()) if reset.isdigit() else 0.0


def _seconds(after: str) -> float:
    """Retry-After in either of its forms (RFC 9110, section 10.2.3)."""
    if after.strip().isdigit():
        return float(after)
    try:
        return max(0.0, parsedate_to_datetime(after).timestamp() - time.time())
    except ValueError:
        return 0.0


@dataclass
class Attempt(Generic[T]):
    """How a call of `in_time` ended: a value, an error, or neither when it was not done in time."""

    value: T | None = None
    error: BaseException | None = None
    done: bool = False


def in_time(seconds: float, calls: Mapping[str, Callable[[], T]]) -> dict[str, Attempt[T]]:
    """Make the calls beside each other and wait for all of them, but no longer than `seconds`.

    A call that hangs (a server that sends one byte at a time, a resolver) is left behind and ends with the process.
    """
    ended: dict[str, Attempt[T]] = {name: Attempt() for name in calls}

    def make(attempt: Attempt[T], call: Callable[[], T]) -> None:
        try:
            attempt.value = call()
        except BaseException as error:  # noqa: BLE001  # told by whoever waits
            attempt.error = error
        attempt.done = True

    threads = [
        threading.Thread(target=make, args=(ended[name], call), name=f"asks-{name}", daemon=True)
        for name, call in calls.items()
    ]
    until = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return {name: Attempt(**vars(attempt)) for name, attempt in ended.items()}
