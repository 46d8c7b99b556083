"""A small client of the OCI distribution API: does a manifest exist? "Absent" and "could not ask" are told apart."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from mlops_ci.errors import InfrastructureError
from mlops_ci.network import RetryPolicy, connections, is_loopback, proxy_for, retry
from mlops_ci.registry.credentials import Credentials, credentials_for
from mlops_ci.registry.reference import HUB, Reference, parse

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

# Image manifests and indexes, OCI's and Docker's (OCI distribution specification 1.1, "Pulling manifests").
MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class RegistryUnreachableError(InfrastructureError):
    """The registry could not be asked: whether the image exists is unknown."""


class RegistryDeniedError(InfrastructureError):
    """The registry does not let us ask: whether the image exists is unknown."""


class RegistryAnswerError(InfrastructureError):
    """The registry answered, and the answer cannot be what it says: cut off, no manifest, another digest."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A manifest as the registry has it: its bytes, media type and digest."""

    data: bytes
    kind: str
    digest: str


class Registry:
    """Asks registries; connections and tokens are kept for the life of the object."""

    def __init__(
        self, *, ca_bundle: Path | None = None, docker_config: Path | None = None, policy: RetryPolicy | None = None
    ) -> None:
        self._ca_bundle = ca_bundle
        self._docker_config = docker_config
        self._policy = policy
        self._pools: dict[str, PoolManager] = {}
        self._authorization: dict[tuple[str, str], str] = {}

    def head(self, ref: str) -> str | None:
        """The manifest digest behind `ref` (`sha256:...`), or None when it does not exist.

        Raises `RegistryUnreachableError` when it could not be asked, after retries, and `RegistryDeniedError` when it
        refuses.
        """
        reference = parse(ref)
        url = f"{reference.api}/manifests/{reference.wanted}"
        response = self._ask("HEAD", url, reference)
        if response.status == 404:
            return None
        digest = response.headers.get("Docker-Content-Digest")
        if digest is None:
            found = self.manifest(ref)
            return found.digest if found else None
        return _checked(digest, reference)

    def manifest(self, ref: str) -> Manifest | None:
        """The manifest behind `ref`, whole and with the digest that was promised; None when it does not exist.

        Raises like `head`, and `RegistryAnswerError` for one that is cut off, no JSON, or not what its digest says.
        """
        reference = parse(ref)
        response = self._ask("GET", f"{reference.api}/manifests/{reference.wanted}", reference)
        if response.status == 404:
            return None
        data = response.data
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        promised = reference.digest or response.headers.get("Docker-Content-Digest") or digest
        try:
            kind = str(json.loads(data).get("mediaType") or response.headers.get("Content-Type", ""))
        except (ValueError, AttributeError) as error:
            raise RegistryAnswerError(
                f"what the registry {reference.host or HUB} sent is no manifest of {reference.repository}: {error}",
                hint="a proxy or a full disk may have cut it off; try again, and look into what the registry stored",
            ) from error
        if digest != promised:
            raise RegistryAnswerError(
                f"the registry {reference.host or HUB} sent {digest} of {reference.repository}, not {promised}",
                hint="do not use that image; ask who runs the registry",
            )
        return Manifest(data=data, kind=kind, digest=digest)

    def tag(self, ref: str, name: str) -> str:
        """Give the image behind `ref` a further tag; its digest. Raises like `manifest`, when it is not there too."""
        found = self.manifest(ref)
        reference = parse(ref)
        if found is None:
            raise RegistryAnswerError(f"{ref} is not there to be tagged", hint="run the same command again")
        self._ask("PUT", f"{reference.api}/manifests/{name}", reference, body=found)
        return found.digest

    def _ask(self, method: str, url: str, reference: Reference, body: Manifest | None = None) -> BaseHTTPResponse:
        """The answer to a question about a manifest: 200, 201 or 404, everything else raises."""
        return retry(
            lambda: self._ask_once(method, url, reference, body),
            transient=lambda error: isinstance(error, RegistryUnreachableError),
            policy=self._policy,
        )

    def _ask_once(
        self, method: str, url: str, reference: Reference, body: Manifest | None, *, stream: bool = False
    ) -> BaseHTTPResponse:
        host = urlsplit(url).netloc
        known = (host, reference.repository)
        headers = {"Accept": ", ".join(MANIFEST_TYPES), **({"Content-Type": body.kind} if body else {})}
        if known in self._authorization:
            headers["Authorization"] = self._authorization[known]
        response = self._send(method, url, headers, body, stream=stream)
        if response.status == 401:
            response.close()
            challenge = response.headers.get("WWW-Authenticate", "")
            self._authorization[known] = self._authorize(challenge, reference, url)
            authorized = {**headers, "Authorization": self._authorization[known]}
            response = self._send(method, url, authorized, body, stream=stream)
        if response.status in ((200, 404) if body is None else (200, 201)):
            return response
        if response.status in TRANSIENT_STATUS:
            raise RegistryUnreachableError(
                f"the registry {host} answered {response.status} to a question about {reference.repository}",
                hint="try again later; whether the image exists is unknown, so nothing was built",
            )
        self._authorization.pop(known, None)
        raise RegistryDeniedError(
            f"the registry {host} answered {response.status} to a question about {reference.repository}",
            hint=f"log in with `docker login {reference.host or HUB}`, and check that you may read there",
        )

    def _send(
        self, method: str, url: str, headers: dict[str, str], body: Manifest | None = None, *, stream: bool = False
    ) -> BaseHTTPResponse:
        from urllib3.exceptions import HTTPError

        data = body.data if body else None
        try:
            return self._pool(url).request(method, url, headers=headers, body=data, preload_content=not stream)
        except HTTPError as error:
            host = urlsplit(url).netloc
            raise RegistryUnreachableError(
                f"the registry {host} could not be asked: {error}",
                hint="check the network, the proxy and [mirrors] ca-bundle; whether the image exists is unknown",
            ) from error

    def _pool(self, url: str) -> PoolManager:
        """The connections for an address: direct, or through the proxy that the environment names."""
        proxy = proxy_for(url)
        if proxy not in self._pools:
            self._pools[proxy] = connections(
                proxy, ca_bundle=self._ca_bundle, connect=CONNECT_SECONDS, read=READ_SECONDS, redirects=3
            )
        return self._pools[proxy]

    def _authorize(self, challenge: str, reference: Reference, url: str) -> str:
        """The header that answers a 401: the credentials themselves, or a token that is fetched with them."""
        credentials = credentials_for(reference.host or HUB, folder=self._docker_config)
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "bearer":
            return f"Bearer {self._token(dict(CHALLENGE.findall(rest)), reference, credentials)}"
        if scheme.lower() == "basic" and credentials is not None and credentials.user:
            return _basic(credentials)
        raise RegistryDeniedError(
            f"the registry {urlsplit(url).netloc} wants a login",
            hint=f"run `docker login {reference.host or HUB}`",
        )

    def _token(self, challenge: dict[str, str], reference: Reference, credentials: Credentials | None) -> str:
        """A bearer token from the authority that the registry names (Docker registry token specification)."""
        realm = challenge.get("realm", "")
        parts = urlsplit(realm)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.netloc)):
            raise RegistryDeniedError(
                f"the registry {reference.host} sends logins to {realm!r}, which is not encrypted",
                hint="credentials are never sent there; ask the registry's administrators",
            )
        scope = challenge.get("scope") or f"repository:{reference.repository}:pull"
        query = {"service": challenge.get("service", ""), "scope": scope}
        if credentials is not None and credentials.identity_token:
            query.update(grant_type="refresh_token", client_id="mlops-ci", refresh_token=credentials.identity_token)
            response = self._send_form(realm, query)
        else:
            headers = {"Authorization": _basic(credentials)} if credentials is not None else {}
            response = self._send("GET", f"{realm}?{urlencode(query)}", headers)
        if response.status in TRANSIENT_STATUS:
            raise RegistryUnreachableError(
                f"{parts.netloc} answered {response.status} when asked for a token", hint="try again later"
            )
        try:
            answer = response.json()
            return str(answer.get("token") or answer["access_token"])
        except (ValueError, KeyError, AttributeError) as error:
            raise RegistryDeniedError(
                f"{parts.netloc} gave no token for {reference.repository} (status {response.status})",
                hint=f"run `docker login {reference.host or HUB}`" + " with credentials that may read there",
            ) from error

    def _send_form(self, url: str, fields: dict[str, str]) -> BaseHTTPResponse:
        from urllib3.exceptions import HTTPError

        try:
            return self._pool(url).request("POST", url, fields=fields, encode_multipart=False)
        except HTTPError as error:
            raise RegistryUnreachableError(
                f"{urlsplit(url).netloc} could not be asked for a token: {error}",
                hint="check the network and the proxy",
            ) from error


def _checked(digest: str, reference: Reference) -> str:
    """A digest that a registry says: well formed, and the one that was asked for by digest."""
    if not DIGEST.fullmatch(digest) or reference.digest not in (None, digest):
        raise RegistryAnswerError(
            f"the registry {reference.host or HUB} says that {reference.repository}:{reference.wanted} is {digest!r}",
            hint="that is not its digest; ask who runs the registry, nothing was built from it",
        )
    return digest


def _basic(credentials: Credentials) -> str:
    from urllib3.util import make_headers

    return make_headers(basic_auth=f"{credentials.user}:{credentials.password}")["authorization"]


def head(ref: str) -> str | None:
    """The manifest digest behind `ref`, or None when it does not exist; see `Registry.head`."""
    return Registry().head(ref)
