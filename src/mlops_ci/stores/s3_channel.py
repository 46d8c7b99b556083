"""One HTTP/1.1 connection that stays open, made for many small PUTs: headers and body in one write, no e-mail parser.

An answer of the usual form (a length, or nothing) is read here, any other by the standard library.
"""

from __future__ import annotations

import http.client
import io
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

BLOCK = 256 << 10
# An answer's head that is longer than this is none.
LONGEST_HEAD = 1 << 16
END = b"\r\n\r\n"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Pace = Callable[[int], None]


class Channel:
    """Made by `connect` where it is needed, and again after it was closed. For one request at a time."""

    def __init__(self, connect: Callable[[], http.client.HTTPConnection]) -> None:
        self._connect = connect
        self._connection: http.client.HTTPConnection | None = None
        self._again: Callable[[], Answer] | None = None
        self._early: OSError | None = None

    def send(self, head: bytes, body: bytes | memoryview, pace: Pace | None = None) -> None:
        """Send a request, whose answer `receive` gives; `pace` is asked before each block. Raises `OSError`.

        A connection that the server has closed since its last answer is replaced once without a word, here or there.
        """
        used = self._connection is not None
        self._again = (lambda: self._exchange(head, body, pace)) if used else None
        try:
            self._send(head, body, pace)
        except ConnectionError:
            self.close()
            if not used:
                raise
            self._again = None
            self._send(head, body, pace)
        except BaseException:
            self.close()
            raise

    def receive(self) -> Answer:
        """The answer to what was sent. Raises `OSError`, `HTTPException`."""
        again, self._again = self._again, None
        try:
            return self._receive()
        except (ConnectionError, http.client.BadStatusLine):
            self.close()
            if again is None:
                raise
            return again()
        except BaseException:
            self.close()
            raise

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, head: bytes, body: bytes | memoryview, pace: Pace | None) -> Answer:
        try:
            self._send(head, body, pace)
            return self._receive()
        except BaseException:
            self.close()
            raise

    def _send(self, head: bytes, body: bytes | memoryview, pace: Pace | None) -> None:
        if self._connection is None:
            fresh = self._connect()
            fresh.connect()
            self._connection = fresh
        self._early = None
        try:
            _send(self._connection.sock, head, body, pace)
        except (BrokenPipeError, ConnectionResetError) as error:
            # A server that refuses a request may say so and hang up before it has read all of it.
            self._early = error

    def _receive(self) -> Answer:
        assert self._connection is not None  # noqa: S101 - it was sent on
        try:
            answer, more = _receive(self._connection.sock)
        except (OSError, http.client.HTTPException):
            if self._early is not None:
                raise self._early from None
            raise
        if self._early is not None or not more:
            self.close()
        return answer


def _send(connected: socket.socket, head: bytes, body: bytes | memoryview, pace: Pace | None) -> None:
    if pace is None and len(body) <= BLOCK:
        connected.sendall(head + bytes(body))
        return
    connected.sendall(head)
    view = memoryview(body)
    for start in range(0, len(view), BLOCK):
        block = view[start : start + BLOCK]
        if pace is not None:
            pace(len(block))
        # Each block has the socket's time limit to itself.
        connected.sendall(block)


def _receive(connected: socket.socket) -> tuple[Answer, bool]:
    """The answer, and whether another may follow on this connection."""
    data = b""
    while (end := data.find(END)) < 0 and len(data) < LONGEST_HEAD:
        block = connected.recv(LONGEST_HEAD)
        if not block:
            raise http.client.RemoteDisconnected("the connection ended without an answer")
        data += block
    usual = _usual(data[: max(end, 0)])
    if usual is None:
        return _unusual(data, connected)
    status, headers = usual
    missing = int(headers.get("content-length", "0")) - (len(data) - end - len(END))
    while missing > 0:
        block = connected.recv(missing)
        if not block:
            raise http.client.IncompleteRead(data[end + len(END) :], missing)
        data += block
        missing -= len(block)
    keep = headers.get("connection", "").lower() != "close" and missing == 0
    return Answer(status=status, headers=headers, body=data[end + len(END) :]), keep


def _usual(head: bytes) -> tuple[int, dict[str, str]] | None:
    """Status and headers of an HTTP/1.1 answer whose length is told; None for any other."""
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    pairs = [line.partition(":") for line in lines]
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    status = rest[:3]
    told = headers.get("content-length", "").isdecimal()
    usual = version == "HTTP/1.1" and status.isdecimal() and status >= "200" and "transfer-encoding" not in headers
    return (int(status), headers) if usual and told else None


def _unusual(data: bytes, connected: socket.socket) -> tuple[Answer, bool]:
    response = http.client.HTTPResponse(_Begun(data, connected))  # type: ignore[arg-type]
    response.begin()
    body = response.read()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(status=response.status, headers=headers, body=body), False


class _Begun:
    """A socket of whose answer some is read already."""

    def __init__(self, data: bytes, connected: socket.socket) -> None:
        self._stream = _Chained(data, connected)

    def makefile(self, mode: str) -> io.BufferedReader:
        assert mode == "rb"  # noqa: S101 - what HTTPResponse asks for
        return io.BufferedReader(self._stream)


class _Chained(io.RawIOBase):
    def __init__(self, data: bytes, connected: socket.socket) -> None:
        self._data = data
        self._socket = connected

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._data:
            return self._socket.recv_into(buffer)
        taken = self._data[: len(buffer)]
        self._data = self._data[len(taken) :]
        buffer[: len(taken)] = taken
        return len(taken)
