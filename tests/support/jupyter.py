"""A Jupyter server as a browser meets it: its REST API, and a kernel's channels over a WebSocket (RFC 6455)."""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
import uuid
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

SECONDS = 60.0


@dataclass(frozen=True)
class Jupyter:
    """A server that has been given this token by its user; an empty one asks without."""

    host: str
    port: int
    token: str

    def ask(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Status and JSON (or text) of an answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"token {self.token}"} if self.token else {}
        request = urllib.request.Request(f"http://{self.host}:{self.port}{path}", data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def execute(self, code: str) -> str:
        """Start a kernel, run one cell, and give what it printed."""
        status, kernel = self.ask("/api/kernels", {"name": "python3"})
        assert status == 201, kernel
        with socket.create_connection((self.host, self.port), SECONDS) as stream:
            self._upgrade(stream, f"/api/kernels/{kernel['id']}/channels?session_id={uuid.uuid4().hex}")
            asked = uuid.uuid4().hex
            _send(stream, json.dumps(_request(code, asked)).encode())
            return self._printed(stream, asked)

    def _upgrade(self, stream: socket.socket, path: str) -> None:
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {self.host}:{self.port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            f"Authorization: token {self.token}",
        ]
        stream.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        said = b""
        while not said.endswith(b"\r\n\r\n"):
            said += _exactly(stream, 1)
        assert said.startswith(b"HTTP/1.1 101"), said

    def _printed(self, stream: socket.socket, asked: str) -> str:
        text, replied, idle = "", False, False
        while not (replied and idle):
            message = json.loads(_receive(stream))
            if message["parent_header"].get("msg_id") != asked:
                continue
            kind, content = message["msg_type"], message["content"]
            text += content["text"] if kind == "stream" else ""
            text += "\n".join(content["traceback"]) if kind == "error" else ""
            replied = replied or kind == "execute_reply"
            idle = idle or (kind == "status" and content["execution_state"] == "idle")
        return text


def entered(address: str, authority: Path, password: str) -> int:
    """The status of the answer to whoever fills in the login page, over TLS with this authority's certificate."""
    jar = CookieJar()
    tls = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(authority)))
    browser = urllib.request.build_opener(tls, urllib.request.HTTPCookieProcessor(jar))
    try:
        browser.open(f"{address}/login", timeout=SECONDS).close()
        form = {"password": password, "_xsrf": next(one.value or "" for one in jar if one.name == "_xsrf")}
        browser.open(f"{address}/login", urllib.parse.urlencode(form).encode(), timeout=SECONDS).close()
        with browser.open(f"{address}/api/contents", timeout=SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def _request(code: str, asked: str) -> dict[str, Any]:
    """The message that runs a cell (Jupyter's messaging protocol 5.3)."""
    return {
        "header": {"msg_id": asked, "msg_type": "execute_request", "version": "5.3", "username": "", "session": "s"},
        "parent_header": {},
        "metadata": {},
        "content": {"code": code, "silent": False, "user_expressions": {}, "allow_stdin": False},
        "channel": "shell",
        "buffers": [],
    }


def _exactly(stream: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = stream.recv(count - len(data))
        assert piece, "the server hung up"
        data += piece
    return data


def _send(stream: socket.socket, data: bytes) -> None:
    """One masked text frame."""
    length = bytes([0x80 | 126]) + len(data).to_bytes(2, "big") if len(data) > 125 else bytes([0x80 | len(data)])
    mask = os.urandom(4)
    stream.sendall(b"\x81" + length + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(data)))


def _receive(stream: socket.socket) -> bytes:
    """The next message, whatever frames it came in; pings are nobody's message."""
    message = b""
    while True:
        first, second = _exactly(stream, 2)
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(_exactly(stream, 2 if size == 126 else 8), "big")
        data = _exactly(stream, size)
        if first & 0x0F in (0, 1, 2):
            message += data
            if first & 0x80:
                return message
