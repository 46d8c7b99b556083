"""A read-only OCI registry on loopback, for the artifacts that a tool downloads.

Source: OCI distribution specification 1.1, the "pull" category.
"""

from __future__ import annotations

import argparse
import base64
import dataclasses
import hashlib
import http.server
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from . import trivy_db

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
TRIVY_LAYER = "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"
TRIVY_DB = "trivy-db:2"
# Clients decide by the code, not by the HTTP status, whether to try again or elsewhere.
ERROR_CODES = {401: "UNAUTHORIZED", 403: "DENIED", 404: "NAME_UNKNOWN", 429: "TOOMANYREQUESTS"}
PROBE = "/v2/"  # every client asks this first


@dataclasses.dataclass(frozen=True, kw_only=True)
class Artifact:
    """A manifest with one layer, and the blobs it names."""

    manifest: bytes
    blobs: dict[str, bytes]

    @classmethod
    def of_layer(cls, data: bytes, media_type: str, title: str) -> Artifact:
        """An artifact that holds `data`."""
        empty = b"{}"
        described = {**_descriptor(data, media_type), "annotations": {"org.opencontainers.image.title": title}}
        config = _descriptor(empty, EMPTY)
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [described]}
        return cls(manifest=json.dumps(manifest).encode(), blobs={digest(empty): empty, digest(data): data})


class OciServer:
    """Serves artifacts by `NAME:TAG` and by digest, from a thread; a `with` block is its life.

    `requests` lists what was asked (method and path). `fail_next` makes the next answers errors, for retry paths.
    With a `login` (user and password) nobody else gets anything.
    """

    def __init__(self, artifacts: dict[str, Artifact], *, port: int = 0, login: tuple[str, str] | None = None) -> None:
        self.login = f"Basic {base64.b64encode(':'.join(login).encode()).decode()}" if login else None
        self.requests: list[str] = []
        self._failures: list[int] = []
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.owner = self
        self._paths = _paths(artifacts)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def trivy_repository(self) -> str:
        """What `trivy --db-repository` takes."""
        return f"{self.address}/{TRIVY_DB}"

    def fail_next(self, *statuses: int) -> None:
        """Answer the next requests for manifests and blobs with these HTTP statuses."""
        self._failures.extend(statuses)

    def answer(self, method: str, path: str) -> tuple[int, str, bytes]:
        """Status, media type and body for a request."""
        self.requests.append(f"{method} {path}")
        if self._failures and path != PROBE:
            status = self._failures.pop(0)
            return status, "application/json", _error(ERROR_CODES.get(status, "UNAVAILABLE"), "as the test asked")
        media_type, body = self._paths.get(path, ("", b""))
        if not media_type:
            return 404, "application/json", _error("NAME_UNKNOWN", "no such thing here")
        return 200, media_type, body

    def serve_forever(self) -> None:
        """Serve in the calling thread, until the process is stopped."""
        self._server.serve_forever()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def trivy_database_server(folder: Path, *, port: int = 0, login: tuple[str, str] | None = None) -> OciServer:
    """A server for the database in `folder` (as `trivy_db.write_database` gives it)."""
    artifact = Artifact.of_layer(trivy_db.layer(folder), TRIVY_LAYER, "db.tar.gz")
    return OciServer({TRIVY_DB: artifact}, port=port, login=login)


def digest(data: bytes) -> str:
    """`sha256:…` of a blob."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the default database and serve it: `python -m support.oci_server --port PORT --cache FOLDER`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    options = parser.parse_args(arguments)
    trivy_database_server(trivy_db.write_database(options.cache), port=options.port).serve_forever()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    owner: OciServer


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._reply(with_body=True)

    def do_HEAD(self) -> None:
        self._reply(with_body=False)

    def log_message(self, *_: object) -> None:
        """Requests are kept by the server object, not printed."""

    def _reply(self, *, with_body: bool) -> None:
        owner = self.server.owner
        if owner.login and self.headers["Authorization"] != owner.login:
            status, media_type, body = 401, "application/json", _error(ERROR_CODES[401], "who are you?")
        else:
            status, media_type, body = owner.answer(self.command, self.path)
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="registry"')
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Content-Digest", digest(body))
        self.end_headers()
        if with_body:
            self.wfile.write(body)


def _paths(artifacts: dict[str, Artifact]) -> dict[str, tuple[str, bytes]]:
    paths = {PROBE: ("application/json", b"{}")}
    for reference, artifact in artifacts.items():
        name, _, tag = reference.rpartition(":")
        for version in (tag, digest(artifact.manifest)):
            paths[f"/v2/{name}/manifests/{version}"] = (MANIFEST, artifact.manifest)
        for blob_digest, data in artifact.blobs.items():
            paths[f"/v2/{name}/blobs/{blob_digest}"] = ("application/octet-stream", data)
    return paths


def _descriptor(data: bytes, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest(data), "size": len(data)}


def _error(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


if __name__ == "__main__":
    main()
