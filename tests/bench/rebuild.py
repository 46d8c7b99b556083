"""A build with nothing changed: how many questions the engine is asked, and whether a builder starts."""

from __future__ import annotations

import os
import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.forwarding import forwarding
from support.cli import call, records
from support.project import WITH_TORCH, make_project

REQUEST = re.compile(rb"^(GET|POST|HEAD|PUT|DELETE) (\S+) HTTP/1", re.MULTILINE)


def table(folder: Path) -> str:
    """Requests that the engine got during `mlops-ci run build` when everything is built already."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    project = make_project(folder / "project", config=WITH_TORCH)
    base = os.environ.get("MLOPS_CI_TEST_BASE_IMAGE")
    settings = {"MLOPS_CI_ENGINE": "docker", "DOCKER_HOST": host}
    if base:
        settings["MLOPS_CI_MIRRORS__IMAGES"] = f'{{"debian:bookworm-slim" = "{base}"}}'
    _run(project, settings)
    (project / "note.txt").write_text("a change, so that the second run is a new one\n")
    with counting(host.removeprefix("unix://"), folder / "counted.sock") as counted:
        _run(project, {**settings, "DOCKER_HOST": f"unix://{folder / 'counted.sock'}"})
    images = records(project)["build"]["outputs"]["images"]
    built = sum(image["built"] for image in images.values())
    rows = "".join(f"| `{request}` | {count} |\n" for request, count in sorted(counted.items()))
    asked = sum(count for request, count in counted.items() if "/images/" in request)
    builder = sum(count for request, count in counted.items() if "/session" in request or "/build" in request)
    return (
        f"{len(images)} images, {built} built, {asked} questions about images, {builder} requests to a builder\n\n"
        f"| request to the engine | count |\n| --- | --- |\n{rows}"
    )


def _run(project: Path, settings: dict[str, str]) -> None:
    done = call(project, "run", "build", environment=settings)
    if done.exit_code != 0:
        raise RuntimeError(done.said)


@contextmanager
def counting(target: str, path: Path) -> Iterator[Counter[str]]:
    """A socket at `path` that forwards to the engine's and counts request lines."""
    counted: Counter[str] = Counter()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def seen(data: bytes) -> None:
        counted.update(_shown(method, place) for method, place in REQUEST.findall(data))

    def connect() -> socket.socket:
        engine = socket.socket(socket.AF_UNIX)
        engine.connect(target)
        return engine

    with forwarding(server, connect, seen):
        yield counted


def _shown(method: bytes, place: bytes) -> str:
    return f"{method.decode()} {re.sub(r'^/v[0-9.]+', '', place.decode().split('?')[0])}"
