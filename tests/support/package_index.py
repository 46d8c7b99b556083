"""A small Python package index (PEP 503) over HTTP that wants a login, for builds to install from."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .registry_stub import Answer, Question, StubRegistry, stub_registry


@contextmanager
def package_index(folder: Path, login: str, address: str) -> Iterator[StubRegistry]:
    """Serves the wheels of `folder` on `address` to whoever logs in with `login` (`user:password`)."""
    expected = "Basic " + base64.b64encode(login.encode()).decode()

    def answer(question: Question) -> Answer:
        if question.authorization != expected:
            return Answer(status=401, headers={"WWW-Authenticate": "Basic realm=x"})
        name = question.path.rstrip("/").rpartition("/")[2]
        if (folder / name).is_file():
            return Answer(body=(folder / name).read_bytes())
        wheels = list(folder.glob(f"{name.replace('-', '_')}-*.whl"))
        if not wheels:
            return Answer(status=404)
        links = "".join(
            f'<a href="/files/{wheel.name}#sha256={hashlib.sha256(wheel.read_bytes()).hexdigest()}">{wheel.name}</a>'
            for wheel in wheels
        )
        return Answer(headers={"Content-Type": "text/html"}, body=f"<!DOCTYPE html><body>{links}".encode())

    with stub_registry(answer, address) as server:
        yield server
