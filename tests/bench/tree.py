"""All images of the tree for `cpu` on one engine: built, tested from outside, scanned, signed, pushed, found again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from bench import engine
from bench.clock import seconds
from bench.place import kept
from bench.rebuild import counting
from mlops_ci.images import catalogue
from mlops_ci.images.abilities import abilities
from mlops_ci.images.sizes import unpacked_bytes
from mlops_ci.registry.client import Registry
from support import trivy_db
from support.signing import PUBLIC, signer, variables

PRODUCTS = ("train", "vision", "nlp", "dev", "devel")
# On which the last ones stand: pulled with them, and started for their own figure.
BELOW = ("python", "torch")
TESTS = "tests/integration/images/test_tree.py"


def table(folder: Path) -> str:
    """One engine: that of DOCKER_HOST. Steps that its builder knows are not made anew; the second runs know none.

    It takes an hour on two busy cores: with MLOPS_CI_BENCH_PLACE it can be cut off, and goes on when called again.
    """
    prefix = engine.registry()
    if not (folder / "key" / PUBLIC).exists():
        signer(folder / "key")
    settings = {**engine.settings(folder, prefix), **variables(folder / "key")}
    trivy_db.write_database(folder / "cache" / "trivy")
    projects = {name: engine.project(folder / name, f'layer = "{name}"') for name in PRODUCTS}
    first = {name: kept(folder / f"first-{name}.json", _first(one, settings)) for name, one in projects.items()}
    sizes = kept(folder / "sizes.json", lambda: _sizes(first))
    again = {
        name: kept(folder / f"again-{name}.json", _again(one, settings, folder, prefix))
        for name, one in projects.items()
    }
    refs = {name: image["ref"] for one in first.values() for name, image in one["images"].items()}
    starts = {name: kept(folder / f"start-{name}.json", _start(name, refs, prefix)) for name in (*BELOW, *PRODUCTS)}
    tested = kept(folder / "tested.json", lambda: _tests(prefix, refs.values()))
    twice = {
        name: kept(folder / f"twice-{name}.json", _twice(one, settings, prefix, first[name]))
        for name, one in projects.items()
        if abilities().repeatable
    }
    engine.empty(prefix)
    return f"{tested}\n\n{_second(first, again)}\n{_held(sizes)}\n{_pulled(starts)}{_equal(twice)}"


def _first(project: Path, settings: dict[str, str]) -> Callable[[], Any]:
    return lambda: engine.run(project, settings, "build", "check", "scan")


def _tests(prefix: str, refs: Iterable[str]) -> str:
    """Each image from outside, as the suite does it; those below are there too, whose bytes do not count as its own."""
    for ref in refs:
        engine.docker("pull", "--quiet", ref)
    environment = {**os.environ, "DOCKER_HOST": engine.host(), "MLOPS_CI_TEST_TREE_REGISTRY": prefix}
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", TESTS]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout[-6000:])
    return f"`{TESTS}`: {done.stdout.strip().splitlines()[-1].strip('= ')}"


def _sizes(first: Mapping[str, Any]) -> dict[str, int]:
    """What each layer holds by itself, as its budget counts it, in the engine's store."""
    found: dict[str, int] = {}
    for outputs in first.values():
        below = 0
        for name, image in outputs["images"].items():
            whole = unpacked_bytes(image["ref"])
            found[name], below = whole - below, whole
    return found


def _again(project: Path, settings: dict[str, str], folder: Path, prefix: str) -> Callable[[], Any]:
    """The second run, with neither images nor a builder's cache in the engine."""

    def run() -> dict[str, Any]:
        engine.empty(prefix)
        engine.change(project)
        path = folder / f"{project.name}.sock"
        path.unlink(missing_ok=True)
        started = time.monotonic()
        with counting(engine.host().removeprefix("unix://"), path) as counted:
            again = engine.run(project, {**settings, "DOCKER_HOST": f"unix://{path}"}, "build")
        return {
            "built": sum(image["built"] for image in again["images"].values()),
            "builder": sum(n for request, n in counted.items() if "/session" in request or "/build" in request),
            "seconds": time.monotonic() - started,
        }

    return run


def _start(name: str, refs: Mapping[str, str], prefix: str) -> Callable[[], Any]:
    """Seconds to the end of `python -c pass`: from nothing, with all of it here, with the layers below it here."""

    def run() -> dict[str, float]:
        engine.empty(prefix)
        whole, cached = _started(refs[name]), _started(refs[name])
        engine.empty(prefix)
        engine.docker("pull", "--quiet", refs[{"python": "base", "torch": "python"}.get(name, "torch")])
        return {"whole": whole, "cached": cached, "own": _started(refs[name])}

    return run


def _twice(project: Path, settings: dict[str, str], prefix: str, first: Mapping[str, Any]) -> Callable[[], Any]:
    """Built once more from an empty builder, to another place: which layers are the very same bytes."""

    def run() -> dict[str, int]:
        engine.empty(prefix)
        other = f"{prefix}-again"
        engine.change(project)
        ref = first["images"][first["top"]]["ref"]
        again = engine.run(project, {**settings, "MLOPS_CI_IMAGE__REGISTRY": other}, "build")
        one, two = (_layers(ref), _layers(again["images"][again["top"]]["ref"]))
        return {"layers": len(one), "equal": sum(map(str.__eq__, one, two)) if len(one) == len(two) else 0}

    return run


def _layers(ref: str) -> list[str]:
    """The digests of the packed layers, as the registry has them."""
    found = Registry().manifest(ref)
    if found is None:
        raise RuntimeError(f"{ref} is not there")
    return [layer["digest"] for layer in json.loads(found.data)["layers"]]


def _equal(twice: Mapping[str, Any]) -> str:
    if not twice:
        return "\nThis engine's store gives other layers each time."
    rows = "".join(f"| {name} | {one['layers']} | {one['equal']} |\n" for name, one in twice.items())
    return f"\n| built twice from scratch | layers | the same bytes |\n| --- | --- | --- |\n{rows}"


def _started(ref: str) -> float:
    words = ("run", "--rm", "--quiet", "--env", "MLOPS_SHM_ADVICE=off", ref, "python", "-c", "pass")
    return seconds(lambda: engine.docker(*words))


def _second(first: Mapping[str, Any], again: Mapping[str, Any]) -> str:
    rows = ""
    for name, one in first.items():
        built = sum(image["built"] for image in one["images"].values())
        after = again[name]
        rows += f"| {name} | {built} | {len(one['signing']['images'])} | {after['built']} | {after['builder']} "
        rows += f"| {after['seconds']:.1f} |\n"
    return (
        "| product | images built | signed | built by the second run | its requests to a builder | its seconds |\n"
        f"| --- | --- | --- | --- | --- | --- |\n{rows}"
    )


def _held(sizes: Mapping[str, int]) -> str:
    layers = catalogue.load().layers
    rows = "".join(
        f"| {name} | {held / 1e6:.1f} | {layers[name].budget['cpu']} |\n"
        for name, held in sizes.items()
        if name in layers
    )
    return f"| layer | unpacked MB | budget MB |\n| --- | --- | --- |\n{rows}"


def _pulled(starts: Mapping[str, Any]) -> str:
    rows = "".join(
        f"| {name} | {one['whole']:.1f} | {one['own']:.1f} | {one['cached']:.1f} |\n" for name, one in starts.items()
    )
    return (
        "| image | pulled whole and started, s | its own layers pulled and started, s | started, s |\n"
        f"| --- | --- | --- | --- |\n{rows}"
    )
