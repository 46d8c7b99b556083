"""A registry that answers as it is told, for answers that a real one cannot be made to give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.serving import serving


@dataclass(frozen=True, kw_only=True)
class Question:
    """One request."""

    method: str
    path: str
    authorization: str
    body: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One response."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class StubRegistry:
    """Listens on localhost. `host` is HOST:PORT; `questions` are all requests so far."""

    answer: Callable[[Question], Answer]
    host: str = ""
    questions: list[Question] = field(default_factory=list)


@contextmanager
def stub_registry(answer: Callable[[Question], Answer], address: str = "127.0.0.1") -> Iterator[StubRegistry]:
    """The stub for the time of a `with` block."""
    stub = StubRegistry(answer)

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(errors="replace")
            authorization = self.headers.get("Authorization", "")
            question = Question(method=self.command, path=self.path, authorization=authorization, body=body)
            stub.questions.append(question)
            found = stub.answer(question)
            self.send_response(found.status)
            for name, value in {"Content-Length": str(len(found.body)), **found.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(found.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Silent."""

    server = ThreadingHTTPServer((address, 0), Handler)
    stub.host = f"{address}:{server.server_address[1]}"
    with serving(server):
        yield stub
