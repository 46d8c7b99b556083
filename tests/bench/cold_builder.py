"""Nothing has changed and the builder is empty: the whole command beside plain `docker buildx bake --push`."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import engine, plain_bake
from bench.clock import seconds
from bench.place import kept
from bench.rebuild import counting
from bench.traffic import Traffic, measuring

TIMES = 3
LIMIT = 0.1


@dataclass(frozen=True, kw_only=True)
class Round:
    """Both once: seconds, questions to the registry, requests to a builder, images that were found."""

    baked: float
    built: float
    asked: int
    builder: int
    images: int


@dataclass(frozen=True, kw_only=True)
class Place:
    """What both work on: the project with its settings, the arguments of bake, the prefixes of their images."""

    folder: Path
    project: Path
    settings: dict[str, str]
    bake: tuple[str, ...]
    prefixes: tuple[str, str]
    traffic: Traffic


def table(folder: Path) -> str:
    """Both in turns, each after the engine's images and the builder's cache were taken away."""
    with measuring() as (address, traffic):
        ours, plain = engine.registry(address), engine.registry()
        settings = engine.settings(folder, ours)
        project = engine.project(folder / "project")
        engine.run(project, settings, "build")
        bake = plain_bake.command(folder / "plain", project, settings, plain)
        engine.docker(*bake)
        place = Place(
            folder=folder, project=project, settings=settings, bake=bake, prefixes=(plain, ours), traffic=traffic
        )
        return _shown([Round(**kept(folder / f"round-{number}.json", _round(place))) for number in range(TIMES)])


def _round(place: Place) -> Callable[[], Any]:
    def run() -> dict[str, Any]:
        engine.empty(*place.prefixes)
        baked = seconds(lambda: engine.docker(*place.bake))
        engine.empty(*place.prefixes)
        engine.change(place.project)
        path = place.folder / "counted.sock"
        path.unlink(missing_ok=True)
        place.traffic.clear()
        found: dict[str, Any] = {}
        with counting(engine.host().removeprefix("unix://"), path) as counted:
            there = {**place.settings, "DOCKER_HOST": f"unix://{path}"}
            built = seconds(lambda: found.update(engine.run(place.project, there, "build")))
        if any(image["built"] for image in found["images"].values()):
            raise RuntimeError("something was built")
        builder = sum(count for request, count in counted.items() if "/session" in request or "/build" in request)
        asked = sum(place.traffic.requests.values())
        return asdict(Round(baked=baked, built=built, asked=asked, builder=builder, images=len(found["images"])))

    return run


def _shown(rounds: Sequence[Round]) -> str:
    baked, built = (statistics.median(getattr(one, name) for one in rounds) for name in ("baked", "built"))
    return (
        f"medians of {TIMES}\n\n| what | figure |\n| --- | --- |\n"
        f"| `docker buildx bake --push`, linked targets, warm registry cache, s | {baked:.2f} |\n"
        f"| `mlops-ci run build`, the whole command, s | {built:.2f} |\n"
        f"| **ratio** | **{built / baked:.3f}** |\n| limit | {LIMIT} |\n"
        f"| images that it said are there | {rounds[-1].images} |\n"
        f"| questions to the registry, most of a run | {max(one.asked for one in rounds)} |\n"
        f"| requests to a builder | {sum(one.builder for one in rounds)} |"
    )
