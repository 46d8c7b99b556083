"""Nothing has changed and the builder is empty: the whole command beside plain `docker buildx bake --push`."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from bench import engine, plain_bake
from bench.clock import seconds
from bench.rebuild import counting
from bench.traffic import Traffic, measuring
from support.project import commit

TIMES = 3
LIMIT = 0.1


def table(folder: Path) -> str:
    """Both in turns, each after the engine's images and the builder's cache were taken away."""
    with measuring() as (address, traffic):
        return _table(folder, engine.registry(address), engine.registry(), traffic)


def _table(folder: Path, ours: str, plain: str, traffic: Traffic) -> str:
    settings = engine.settings(folder, ours)
    project = engine.project(folder / "project")
    engine.run(project, settings, "build")
    bake = plain_bake.command(folder / "plain", project, settings, plain)
    engine.docker(*bake)
    baked: list[float] = []
    built: list[float] = []
    asked: list[int] = []
    builder = images = 0
    for number in range(TIMES):
        engine.empty(plain, ours)
        baked.append(seconds(lambda: engine.docker(*bake)))
        engine.empty(plain, ours)
        (project / "note.txt").write_text(f"change {number}, so that the run is a new one\n")
        commit(project, f"change {number}")
        path = folder / f"{number}.sock"
        traffic.clear()
        with counting(engine.host().removeprefix("unix://"), path) as counted:
            again: dict[str, Any] = {}
            there = {**settings, "DOCKER_HOST": f"unix://{path}"}
            built.append(seconds(lambda: again.update(engine.run(project, there, "build"))))  # noqa: B023
        if any(image["built"] for image in again["images"].values()):
            raise RuntimeError("something was built")
        images = len(again["images"])
        asked.append(sum(traffic.requests.values()))
        builder += sum(count for request, count in counted.items() if "/session" in request or "/build" in request)
    ratio = statistics.median(built) / statistics.median(baked)
    return (
        f"medians of {TIMES}\n\n| what | figure |\n| --- | --- |\n"
        f"| `docker buildx bake --push`, linked targets, warm registry cache, s | {statistics.median(baked):.2f} |\n"
        f"| `mlops-ci run build`, the whole command, s | {statistics.median(built):.2f} |\n"
        f"| **ratio** | **{ratio:.3f}** |\n| limit | {LIMIT} |\n"
        f"| images that it said are there | {images} |\n"
        f"| questions to the registry, most of a run | {max(asked)} |\n| requests to a builder | {builder} |"
    )
