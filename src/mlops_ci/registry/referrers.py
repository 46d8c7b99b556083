"""Files kept beside an image in its registry: OCI referrers, and the tag that stands in where a registry has none.

OCI distribution specification 1.1, "Pushing Manifests with Subject" and "Listing Referrers".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from mlops_ci.network import retry
from mlops_ci.registry.client import (
    MANIFEST_TYPES,
    TRANSIENT_STATUS,
    Registry,
    RegistryDeniedError,
    RegistryUnreachableError,
)
from mlops_ci.registry.reference import HUB, Reference, parse

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY_TYPE, EMPTY = "application/vnd.oci.empty.v1+json", b"{}"
NOTHING: Mapping[str, str] = {}
# How registries say that they know no such manifest, or no such question: they are older than it.
UNKNOWN = frozenset({400, 405, 406, 415, 422, 501})
KEPT = {"Accept": ", ".join(MANIFEST_TYPES)}


class NotThereError(RegistryDeniedError):
    """The registry has been asked, and has no such image: asking again would change nothing."""


class Referrers(Registry):
    """Keeps small files beside images and finds them again; logins and retries are those of `Registry`."""

    def attach(self, ref: str, data: bytes, *, kind: str, annotations: Mapping[str, str] = NOTHING) -> str:
        """Keep `data` (of the media type `kind`) beside the image `ref`; the digest of its manifest.

        `annotations` say more of it than its type. The same bytes again change nothing. What the registry can is seen
        by its answers: it takes a referrer and lists it, takes it without knowing what it is (the tag that stands in
        lists it), or refuses it and takes a plain manifest. Raises like `Registry.head`, and `RegistryDeniedError`
        where the image is not there.
        """
        reference = parse(ref)
        subject = self._descriptor(reference)
        config = self._push(reference, EMPTY, EMPTY_TYPE)
        said = {"annotations": dict(annotations)} if annotations else {}
        plain = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {**config, "mediaType": kind},
            "layers": [self._push(reference, data, kind)],
            **said,
        }
        manifest = as_bytes({**plain, "artifactType": kind, "config": config, "subject": subject})
        answer = self._put(reference, manifest, also=UNKNOWN)
        if answer.status in UNKNOWN:
            manifest = as_bytes(plain)
            answer = self._put(reference, manifest)
        digest = digest_of(manifest)
        if "OCI-Subject" not in answer.headers:
            entry = {"mediaType": MANIFEST, "digest": digest, "size": len(manifest), "artifactType": kind, **said}
            self._add_to_tag(reference, str(subject["digest"]), entry)
        return digest

    def _put(self, reference: Reference, manifest: bytes, *, also: frozenset[int] = frozenset()) -> BaseHTTPResponse:
        path = f"manifests/{digest_of(manifest)}"
        return self._exchange("PUT", reference, path, body=manifest, headers=typed(MANIFEST), also=also)

    def fetch(self, ref: str, *, kind: str) -> bytes | None:
        """The newest file of this media type beside the image; None where there is none."""
        found = self.beside(ref, kind=kind)
        return self.read(ref, str(found[-1]["digest"])) if found else None

    def read(self, ref: str, kept: str) -> bytes:
        """The file whose manifest `beside` has named by its digest."""
        return self._file(parse(ref), kept)

    def beside(self, ref: str, *, kind: str) -> list[dict[str, Any]]:
        """What is kept of this media type beside the image, the newest last: digests and annotations."""
        return [one for one in self.listed(ref) if one.get("artifactType") == kind]

    def listed(self, ref: str) -> list[dict[str, Any]]:
        """All that is kept beside the image, the newest last: types, digests and annotations."""
        reference = parse(ref)
        subject = str(self._descriptor(reference)["digest"])
        return self._listed(reference, subject)

    def _file(self, reference: Reference, kept: str) -> bytes:
        """The one file of an artifact."""
        manifest = self._read(reference, f"manifests/{kept}", kept)
        digest = str(json.loads(manifest)["layers"][0]["digest"])
        return self._read(reference, f"blobs/{digest}", digest)

    def _descriptor(self, reference: Reference) -> dict[str, Any]:
        answer = self._exchange("GET", reference, f"manifests/{reference.wanted}", headers=KEPT)
        if answer.status == 404:
            raise NotThereError(
                f"{reference.repository}:{reference.wanted} is not in the registry {reference.host or HUB}",
                hint="`mlops-ci build` pushes it where [image] registry names one",
            )
        kind = answer.headers.get("Content-Type", MANIFEST).partition(";")[0]
        return {"mediaType": kind, "digest": digest_of(answer.data), "size": len(answer.data)}

    def _push(self, reference: Reference, data: bytes, kind: str) -> dict[str, Any]:
        digest = digest_of(data)
        if self._exchange("HEAD", reference, f"blobs/{digest}").status == 404:
            begun = self._exchange("POST", reference, "blobs/uploads/", body=b"")
            place = urljoin(f"{reference.api}/", begun.headers.get("Location", ""))
            query = "&" if urlsplit(place).query else "?"
            self._exchange(
                "PUT", reference, f"{place}{query}digest={digest}", body=data, headers=typed("application/octet-stream")
            )
        return {"mediaType": kind, "digest": digest, "size": len(data)}

    def _add_to_tag(self, reference: Reference, subject: str, entry: Mapping[str, Any]) -> None:
        known = [one for one in self._tagged(reference, subject) if one.get("digest") != entry["digest"]]
        index = as_bytes({"schemaVersion": 2, "mediaType": INDEX, "manifests": [*known, entry]})
        self._exchange("PUT", reference, f"manifests/{tag_of(subject)}", body=index, headers=typed(INDEX))

    def _listed(self, reference: Reference, subject: str) -> list[dict[str, Any]]:
        answer = self._exchange("GET", reference, f"referrers/{subject}", headers={"Accept": INDEX}, also=UNKNOWN)
        return _entries(answer.data) if answer.status < 300 else self._tagged(reference, subject)

    def _tagged(self, reference: Reference, subject: str) -> list[dict[str, Any]]:
        answer = self._exchange("GET", reference, f"manifests/{tag_of(subject)}", headers=KEPT)
        return [] if answer.status == 404 else _entries(answer.data)

    def _read(self, reference: Reference, path: str, digest: str) -> bytes:
        data = self._exchange("GET", reference, path, headers=KEPT).data
        if digest_of(data) != digest:
            raise RegistryDeniedError(
                f"the registry {reference.host or HUB} sent other bytes than {digest}",
                hint="do not use what it sends; ask who runs the registry",
            )
        return data

    def _exchange(
        self,
        method: str,
        reference: Reference,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        also: frozenset[int] = frozenset(),
    ) -> BaseHTTPResponse:
        """One request with its login; 2xx, 404 and what is `also` one are answers."""
        url = path if "://" in path else f"{reference.api}/{path}"
        return retry(
            lambda: self._exchange_once(method, url, reference, body, headers or {}, also),
            transient=lambda error: isinstance(error, RegistryUnreachableError),
            policy=self._policy,
        )

    def _exchange_once(
        self,
        method: str,
        url: str,
        reference: Reference,
        body: bytes | None,
        headers: Mapping[str, str],
        also: frozenset[int],
    ) -> BaseHTTPResponse:
        known = (urlsplit(url).netloc, f"{reference.repository} {'write' if body is not None else 'read'}")
        answer = self._request(method, url, body, headers, self._authorization.get(known))
        if answer.status == 401:
            login = self._authorize(answer.headers.get("WWW-Authenticate", ""), reference, url)
            self._authorization[known] = login
            answer = self._request(method, url, body, headers, login)
        if 200 <= answer.status < 300 or answer.status == 404 or answer.status in also:
            return answer
        what = f"the registry {known[0]} answered {answer.status} about a file beside {reference.repository}"
        if answer.status in TRANSIENT_STATUS:
            raise RegistryUnreachableError(what, hint="try again later")
        self._authorization.pop(known, None)
        raise RegistryDeniedError(what, hint=f"`docker login {reference.host or HUB}` with a login that may do that")

    def _request(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], login: str | None
    ) -> BaseHTTPResponse:
        from urllib3.exceptions import HTTPError

        sent = {**headers, **({"Authorization": login} if login else {})}
        try:
            return self._pool(url).request(method, url, headers=sent, body=body)
        except HTTPError as error:
            raise RegistryUnreachableError(
                f"the registry {urlsplit(url).netloc} could not be asked: {error}",
                hint="check the network, the proxy and [mirrors] ca-bundle",
            ) from error


def _entries(data: bytes) -> list[dict[str, Any]]:
    try:
        return [one for one in json.loads(data)["manifests"] if isinstance(one, dict)]
    except (ValueError, KeyError, TypeError) as error:
        raise RegistryUnreachableError(
            f"the registry's list of what is beside an image cannot be read: {error!r}", hint="try again later"
        ) from error


def as_bytes(document: Mapping[str, Any]) -> bytes:
    """A manifest, index or configuration as it is pushed."""
    return json.dumps(document, separators=(",", ":")).encode()


def digest_of(data: bytes) -> str:
    """The digest of bytes, as registries write it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def tag_of(digest: str) -> str:
    """The tag that stands for a digest."""
    return digest.replace(":", "-")


def typed(kind: str) -> dict[str, str]:
    """The header that names the type of what is pushed."""
    return {"Content-Type": kind}
