"""An HTTP server on loopback that answers as a function says: late, not at all, or after it has done its work."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.serving import serving


@dataclass(frozen=True, kw_only=True)
class Request:
    """What came in; header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What goes out: `silent` never answers, `lost` closes the connection, `drip` sends a byte now and then."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    silent: bool = False
    lost: bool = False
    drip: bool = False


@dataclass
class WebServer:
    """`url` has no slash at its end; `requests` are all so far."""

    answer: Callable[[Request], Reply]
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)


@contextmanager
def web_server(answer: Callable[[Request], Reply]) -> Iterator[WebServer]:
    """The server for the time of a `with` block."""
    served = WebServer(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(method=self.command, target=self.path, headers=headers, body=body)
            served.requests.append(request)
            reply = served.answer(request)
            if reply.silent:
                served.released.wait(60)
            if reply.silent or reply.lost:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if reply.drip:
                self.drip()
            self.wfile.write(reply.body)

        def drip(self) -> None:
            while not served.released.wait(0.05):
                try:
                    self.wfile.write(b" ")
                except OSError:
                    return

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    with serving(server):
        try:
            yield served
        finally:
            served.released.set()


def reply_json(value: Any, status: int = 200, **headers: str) -> Reply:
    """A reply in JSON; `x_next_page` becomes the header `x-next-page`."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status=status, headers={"Content-Type": "application/json", **named}, body=json.dumps(value).encode())
