"""An HTTP proxy in front of a real S3 or MLflow server that plays the faults of networks and servers, by rules.

It hands on what it lets through as it came, its `Host` too, so that signatures stay true.
"""

from __future__ import annotations

import http.client
import http.server
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from support.serving import serving

KEPT_BACK = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive"})
LINGER_ZERO = struct.pack("ii", 1, 0)  # close() sends a reset
ALWAYS = 1_000_000
MIME = {"<": "application/xml", "{": "application/json"}


@dataclass(frozen=True)
class Rule:
    """What is done (`action`, a method of `Handler`) to the requests that fit: to `times` of them, after `skip`.

    `path` is looked for in the path and the query, `holds` in the body. `status` and `body` belong to `answer`,
    `seconds` to `slow` and `hang`, `call` to `meanwhile`.
    """

    action: str
    method: str = "."
    path: str = "."
    holds: str = ""
    skip: int = 0
    times: int = ALWAYS
    status: int = 500
    body: str = ""
    seconds: float = 0.5
    call: Callable[[], None] | None = None

    def fits(self, method: str, path: str, body: bytes) -> bool:
        asked = re.search(self.method, method) and re.search(self.path, path)
        return bool(asked and re.search(self.holds.encode(), body))


@dataclass(frozen=True)
class Message:
    """A request on its way in, or an answer on its way out (`status`)."""

    headers: list[tuple[str, str]]
    body: bytes
    status: int = 0


@dataclass
class FaultProxy:
    """`played`: how often a rule was followed; `seen`: all requests; `problems`: failed calls of `meanwhile`."""

    uri: str
    upstream: tuple[str, int]
    rules: list[Rule] = field(default_factory=list)
    played: int = 0
    seen: int = 0
    problems: list[str] = field(default_factory=list)
    _fitting: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def play(self, *rules: Rule) -> None:
        """From now on these, and count anew; none lets everything through."""
        with self._lock:
            self.rules, self.played, self.seen, self.problems, self._fitting = list(rules), 0, 0, [], {}

    def rule(self, method: str, path: str, body: bytes) -> Rule | None:
        """What is to be done to this request."""
        with self._lock:
            self.seen += 1
            for number, rule in enumerate(self.rules):
                if rule.fits(method, path, body):
                    self._fitting[number] = turn = self._fitting.get(number, 0) + 1
                    if rule.skip < turn <= rule.skip + rule.times:
                        self.played += 1
                        return rule
        return None


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    proxy: FaultProxy

    def handle_any(self) -> None:
        request = Message(list(self.headers.items()), self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        rule = self.proxy.rule(self.command, self.path, request.body)
        if rule is None:
            self.reply(self.ask(request))
            return
        getattr(self, rule.action)(request, rule)

    def slow(self, request: Message, rule: Rule) -> None:
        """The answer takes longer."""
        time.sleep(rule.seconds)
        self.reply(self.ask(request))

    def hang(self, request: Message, rule: Rule) -> None:
        """No answer for a while, then the connection ends."""
        time.sleep(rule.seconds)
        self.close_connection = True

    def reset(self, request: Message, rule: Rule) -> None:
        """The connection is reset, and the request was never carried out."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
        self.close_connection = True
        self.connection.close()

    def lose_answer(self, request: Message, rule: Rule) -> None:
        """The request is carried out, and the connection is reset before the answer."""
        self.ask(request)
        self.reset(request, rule)

    def break_off(self, request: Message, rule: Rule) -> None:
        """Half of the answer's body arrives."""
        answer = self.ask(request)
        self.reply(answer, cut=len(answer.body) // 2)
        self.reset(request, rule)

    def answer(self, request: Message, rule: Rule) -> None:
        """The server says no, in its own format; the request is not carried out."""
        mime = MIME.get(rule.body[:1], "text/html")
        self.reply(Message([("Content-Type", mime)], rule.body.encode(), rule.status))

    def swallow(self, request: Message, rule: Rule) -> None:
        """The server says that all is well, and keeps nothing."""
        self.reply(Message([("ETag", '"d41d8cd98f00b204e9800998ecf8427e"')], b"", 200))

    def damage_request(self, request: Message, rule: Rule) -> None:
        """A bit falls over on the way to the server."""
        self.reply(self.ask(Message(request.headers, _damaged(request.body))))

    def damage_answer(self, request: Message, rule: Rule) -> None:
        """A bit falls over on the way back."""
        answer = self.ask(request)
        self.reply(Message(answer.headers, _damaged(answer.body), answer.status))

    def shorten(self, request: Message, rule: Rule) -> None:
        """The answer is shorter than it should be, and says that this is its length."""
        answer = self.ask(request)
        self.reply(Message(answer.headers, answer.body[: len(answer.body) // 2], answer.status))

    def lie(self, request: Message, rule: Rule) -> None:
        """The checksums in the answer's head are of something else."""
        answer = self.ask(request)
        lied = [(key, "AAAAAAAAAAA=" if "checksum" in key.lower() else value) for key, value in answer.headers]
        self.reply(Message([*lied, ("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=")], answer.body, answer.status))

    def twice(self, request: Message, rule: Rule) -> None:
        """Somebody else was quicker with the very same request."""
        self.ask(request)
        self.reply(self.ask(request))

    def meanwhile(self, request: Message, rule: Rule) -> None:
        """Somebody else does something, and then the request is carried out."""
        try:
            if rule.call is not None:
                rule.call()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test must hear of it
            self.proxy.problems.append(f"{type(error).__name__}: {error}")
        self.reply(self.ask(request))

    def ask(self, request: Message) -> Message:
        """The real server's answer."""
        server = http.client.HTTPConnection(*self.proxy.upstream, timeout=120)
        try:
            server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for key, value in request.headers:
                if key.lower() not in KEPT_BACK and key.lower() != "expect":
                    server.putheader(key, value)
            if request.body or self.command in ("PUT", "POST"):
                server.putheader("Content-Length", str(len(request.body)))
            server.endheaders(request.body or None)
            answer = server.getresponse()
            length = [("Content-Length", answer.headers["Content-Length"])] if self.command == "HEAD" else []
            kept = [(key, value) for key, value in answer.headers.items() if key.lower() not in KEPT_BACK]
            return Message([*kept, *[pair for pair in length if pair[1]]], answer.read(), answer.status)
        finally:
            server.close()

    def reply(self, answer: Message, *, cut: int | None = None) -> None:
        self.send_response_only(answer.status)
        for key, value in answer.headers:
            self.send_header(key, value)
        if self.command != "HEAD" and answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[:cut])
            self.wfile.flush()

    def log_message(self, *_: object) -> None:
        return

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815


class QuietServer(http.server.ThreadingHTTPServer):
    """A client that has gone is no news here."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        return


@contextmanager
def fault_proxy(upstream: str) -> Iterator[FaultProxy]:
    """A proxy on a free port of loopback in front of the server at `upstream`."""
    parts = urlsplit(upstream)
    server = QuietServer(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{server.server_address[1]}"
    proxy = FaultProxy(uri=address, upstream=(str(parts.hostname), int(parts.port or 80)))
    server.RequestHandlerClass = type("Bound", (Handler,), {"proxy": proxy})
    with serving(server):
        yield proxy


def rule_of(data: Mapping[str, object], calls: Mapping[str, Callable[[], None]]) -> Rule:
    """A rule from a table of TOML; `call` is the name of one of `calls`."""
    known = dict(data)
    name = known.pop("call", None)
    return Rule(**known, call=calls[str(name)] if name else None)  # type: ignore[arg-type]


def _damaged(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :] if body else body
