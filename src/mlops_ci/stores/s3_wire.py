"""The one request that is made for every small file and every part, without boto3's layers around it.

boto3 takes about a millisecond of processor for each request, more than the rest of an upload. Where the bucket is, in
which region and with which credentials stays its business: it is read off its own requests.
"""

from __future__ import annotations

import html
import http.client
import re
import ssl
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from mlops_ci.stores.limits import Throttle
from mlops_ci.stores.s3_channel import Answer, Channel
from mlops_ci.stores.s3_route import route
from mlops_ci.stores.s3_signature import Keys, Signer, canonical_query

SCOPE = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/(?P<region>[^/]+)/s3/aws4_request")
# Answers and error codes after which the same request may well succeed (botocore, retry mode "standard").
STATUSES = frozenset({429, 500, 502, 503, 504})
CODES = frozenset({"InternalError", "RequestTimeout", "RequestTimeoutException", "SlowDown", "Throttling"})


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a bucket's objects are: scheme and host, the path before their keys, and the region for the signature."""

    root: str
    path: str
    region: str


def address_of(url: str, authorization: str, *, bucket: str, endpoint: str) -> Address | None:
    """The address from a request that boto3 has signed; None when it was signed in another way than ours."""
    scope = SCOPE.match(authorization)
    if scope is None:
        return None
    parts = urlsplit(url)
    before = urlsplit(endpoint).path.rstrip("/")
    virtual = (parts.hostname or "").startswith(f"{bucket}.")
    return Address(
        root=f"{parts.scheme}://{parts.netloc}",
        path=f"{before}/" if virtual else f"{before}/{bucket}/",
        region=scope["region"],
    )


class Wire:
    """PUTs to one bucket, over connections that stay open: as many as threads use at once."""

    def __init__(self, address: Address, keys: Callable[[], Keys], *, bundle: Path | None, throttle: Throttle) -> None:
        self._address = address
        self._route = route(address.root, bundle=bundle)
        self._pace = None if throttle.free else throttle.take
        self._signer = Signer(host=urlsplit(address.root).netloc, region=address.region, keys=keys)
        self._idle: deque[Channel] = deque()

    def put(
        self, name: str, body: bytes | memoryview, headers: Mapping[str, str], query: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        """The headers of the answer; `name` is the whole key. Raises botocore's `ClientError` for a refusal.

        What keeps the server from answering raises what boto3 raises for it.
        """
        return self.end(self.begin(name, body, headers, query))

    def begin(
        self, name: str, body: bytes | memoryview, headers: Mapping[str, str], query: Mapping[str, str] | None = None
    ) -> Channel:
        """The first half of `put`: what was sent, for `end`."""
        path = self._address.path + quote(name, safe="/-_.~")
        signed = {**self._signer.sign("PUT", path, query or {}, headers), "content-length": str(len(body))}
        signed.update(self._route.headers)
        where = f"{self._route.target}{path}" + (f"?{canonical_query(query)}" if query else "")
        lines = "".join(f"{key}: {value}\r\n" for key, value in signed.items())
        try:
            channel = self._idle.pop()
        except IndexError:
            channel = Channel(self._route.connect)
        with self._answering():
            channel.send(f"PUT {where} HTTP/1.1\r\n{lines}\r\n".encode(), body, self._pace)
        return channel

    def end(self, channel: Channel) -> Mapping[str, str]:
        """The second half of `put`."""
        with self._answering():
            answer = channel.receive()
        self._idle.append(channel)
        if answer.status >= 300:
            raise refusal(answer)
        return answer.headers

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (OSError, http.client.HTTPException) as error:
            raise _without_answer(error, self._address.root) from error


def refusal(answer: Answer) -> Exception:
    """What boto3 would raise for this answer."""
    from botocore.exceptions import ClientError

    text = answer.body[:100_000].decode("utf-8", "replace")
    found = {name: _element(text, name) for name in ("Code", "Message")}
    code = found["Code"] or str(answer.status)
    said: Any = {
        "Error": {"Code": code, "Message": found["Message"]},
        "ResponseMetadata": {"HTTPStatusCode": answer.status},
    }
    return ClientError(said, "PUT")


def _without_answer(error: Exception, root: str) -> Exception:
    from botocore import exceptions

    if isinstance(error, ssl.SSLCertVerificationError):
        return exceptions.SSLError(endpoint_url=root, error=error)
    if isinstance(error, TimeoutError):
        return exceptions.ReadTimeoutError(endpoint_url=root, error=error)
    return exceptions.EndpointConnectionError(endpoint_url=root, error=error)


def is_transient(error: Exception) -> bool:
    """Could not ask, or the server could not answer: the same request may succeed."""
    from botocore.exceptions import ConnectionError as NotConnectedError
    from botocore.exceptions import HTTPClientError, SSLError

    response: Any = getattr(error, "response", None)
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status in STATUSES or response.get("Error", {}).get("Code") in CODES
    return isinstance(error, NotConnectedError | HTTPClientError) and not isinstance(error, SSLError)


def keys_of(session: Any) -> Callable[[], Keys]:
    """The credentials of a boto3 session, renewed when they are about to end."""
    from botocore.exceptions import NoCredentialsError

    def keys() -> Keys:
        found = session.get_credentials()
        if found is None:
            raise NoCredentialsError
        frozen = found.get_frozen_credentials()
        return Keys(access=frozen.access_key, secret=frozen.secret_key, token=frozen.token or "")

    return keys


def _element(text: str, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", text)
    return html.unescape(found[1]) if found else ""
