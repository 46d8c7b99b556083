"""An HTTP proxy in front of a real server that loses answers, says no, or keeps silent when a test wants it.

It stands at a true edge, the network between client and server: everything it lets through is real.
"""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import urllib3

from support.serving import serving

Fate = Literal["pass", "lose-answer", "lose-request", "hang", "keep-answer"]
HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "content-length", "host", "keep-alive"})


@dataclass(frozen=True)
class Request:
    """What came in; `number` counts from 1."""

    number: int
    method: str
    path: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """An answer that the server never gave."""

    status: int
    body: str = ""


@dataclass
class LossyProxy:
    """`judge` says what happens to each request; `seen` are all of them.

    "keep-answer" carries a request out and sets `kept`; its answer is never given, also not when `released` is set.
    """

    uri: str
    judge: Callable[[Request], Fate | Answer] = lambda _: "pass"
    seen: list[Request] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    kept: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Request:
        with self.lock:
            request = Request(len(self.seen) + 1, method, path, body, headers)
            self.seen.append(request)
            return request

    def lose_answer(self, number: int) -> None:
        """Carry out the request of that number and lose its answer; count from now."""
        self.seen.clear()
        self.judge = lambda request: "lose-answer" if request.number == number else "pass"

    def answer(self, status: int, body: str = "") -> None:
        """Answer everything like this."""
        self.judge = lambda _: Answer(status, body)


@contextmanager
def lossy_proxy(upstream: str) -> Iterator[LossyProxy]:
    """A proxy on a free port of loopback."""
    pool = urllib3.PoolManager(retries=False)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = proxy.note(self.command, self.path, body, dict(self.headers.items()))
            fate = proxy.judge(request)
            if fate == "hang":
                proxy.released.wait(60)
            if isinstance(fate, Answer):
                self.reply(fate.status, fate.body.encode(), {"Content-Type": "text/plain"})
                return
            if fate in ("lose-request", "hang"):
                self.close_connection = True
                return
            headers = {key: value for key, value in self.headers.items() if key.lower() not in HOP_BY_HOP}
            answer = pool.request(self.command, upstream + self.path, body=body, headers=headers, decode_content=False)
            if fate == "keep-answer":
                proxy.kept.set()
                proxy.released.wait(60)
            if fate in ("lose-answer", "keep-answer"):
                self.close_connection = True
                return
            self.reply(answer.status, answer.data, dict(answer.headers.items()))

        def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for key, value in headers.items():
                if key.lower() not in HOP_BY_HOP:
                    self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy = LossyProxy(f"http://127.0.0.1:{server.server_address[1]}")
    with serving(server):
        try:
            yield proxy
        finally:
            proxy.released.set()
    pool.clear()
