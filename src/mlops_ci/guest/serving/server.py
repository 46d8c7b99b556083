"""The server on its socket: a thread for each connection, and a limit for all that a client could make long."""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Optional

from mlops_ci.guest.serving.app import JSON, App, Reply, error

# Seconds in which a client must send its next request, and a whole body.
IDLE, BODY = 60.0, 30.0
# Connections beyond those that can be worked on or wait: for /health and /metrics, and for idle ones.
SPARE = 64
CHUNK = 64 * 1024


class Server(ThreadingHTTPServer):
    """Listens on all addresses: a container has no others than those that it was given."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, app: App, address: tuple[str, int]) -> None:
        self.app = app
        limits = app.service.limits
        self._places = threading.BoundedSemaphore(limits.workers + limits.queue + SPARE)
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin a thread, if there is a place for the connection."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The thread of a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is no news."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "mlops-serve"
    sys_version = ""
    timeout = IDLE
    disable_nagle_algorithm = True
    server: Server

    def __getattr__(self, name: str) -> Any:
        """One answer to every method: which of them a path takes is told with it."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        began = time.monotonic()
        try:
            refused = self._refused()
            if refused is not None:
                # What was sent is still on its way: there is no next request on this connection.
                self.close_connection = True
                self.server.app.metrics.request("/predict" if self.path == "/predict" else "other", refused.status)
            reply = refused or self.server.app.handle(self.command, self.path, self._body())
        except OSError:
            self.close_connection = True
            return
        self._send(reply)
        self._log(reply.status, time.monotonic() - began)

    def _refused(self) -> Optional[Reply]:
        """Why the body is not even read."""
        if self.headers.get("Transfer-Encoding"):
            return error(411, "say how long the body is (Content-Length); chunks are not taken")
        length = self.headers.get("Content-Length", "")
        if self.command != "POST":
            return None if length in ("", "0") else error(400, f"a {self.command} has no body")
        if not length.isdigit():
            return error(411, "say how long the body is (Content-Length)")
        most = self.server.app.service.limits.body
        if int(length) > most:
            return error(413, f"the body has {length} bytes, and {most} are allowed")
        kind = self.headers.get_content_type() if self.headers.get("Content-Type") else ""
        return None if kind == JSON else error(415, f"the body is to be {JSON}, not {kind or 'unsaid'}")

    def _body(self) -> bytes:
        """All of it, in a time that a client cannot draw out byte by byte."""
        left = int(self.headers.get("Content-Length") or 0) if self.command == "POST" else 0
        deadline = time.monotonic() + BODY
        parts = []
        while left > 0:
            rest = deadline - time.monotonic()
            if rest <= 0:
                raise TimeoutError("the body came too slowly")
            self.connection.settimeout(rest)
            part = self.rfile.read1(min(left, CHUNK))
            if not part:
                raise ConnectionError("the client went away")
            parts.append(part)
            left -= len(part)
        self.connection.settimeout(IDLE)
        return b"".join(parts)

    def _send(self, reply: Reply) -> None:
        try:
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.kind)
            self.send_header("Content-Length", str(len(reply.body)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)
        except OSError:
            self.close_connection = True

    def _log(self, status: int, seconds: float) -> None:
        """One line of JSON, and nothing of what was asked."""
        path = self.path.partition("?")[0][:100]
        line = {"method": self.command, "path": path, "status": status, "seconds": round(seconds, 4)}
        if path == "/predict" or status >= 400:
            print(json.dumps(line), flush=True)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name in the standard library
        """What the standard library would say."""
