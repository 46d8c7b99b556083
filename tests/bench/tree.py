"""All images of the tree for `cpu` on one engine: built, tested from outside, scanned, signed, pushed, found again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import engine
from bench.rebuild import counting
from support import trivy_db
from support.project import commit
from support.signing import signer

PRODUCTS = ("train", "vision", "nlp", "dev", "devel")
# On which the last ones stand: pulled with them, and started for their own figure.
BELOW = ("python", "torch")
TESTS = "tests/integration/images/test_tree.py"


@dataclass(frozen=True, kw_only=True)
class Product:
    """A repository that asks for one layer, and what its runs said."""

    project: Path
    outputs: Mapping[str, Any]
    again: Mapping[str, Any]
    requests: Mapping[str, int]
    seconds: float


def table(folder: Path) -> str:
    """One engine: that of DOCKER_HOST. Steps that its builder knows are not made anew; the second runs know none."""
    prefix = engine.registry()
    key = signer(folder / "key")
    settings = {**engine.settings(folder, prefix), **key.environment}
    trivy_db.write_database(folder / "cache" / "trivy")
    projects = {name: engine.project(folder / name, f'layer = "{name}"') for name in PRODUCTS}
    first = {name: engine.run(one, settings, "build", "check", "scan") for name, one in projects.items()}
    tested = _tests(prefix)
    engine.empty(prefix)
    products = {name: _again(one, first[name], settings, folder) for name, one in projects.items()}
    refs = {name: image["ref"] for one in first.values() for name, image in one["images"].items()}
    return f"{tested}\n\n{_second(products)}\n{_starts(refs, prefix)}"


def _tests(prefix: str) -> str:
    """Each image from outside, as the suite does it, on the images that are there now."""
    environment = {**os.environ, "DOCKER_HOST": engine.host(), "MLOPS_CI_TEST_TREE_REGISTRY": prefix}
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", TESTS]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout[-6000:])
    return f"`{TESTS}`: {done.stdout.strip().splitlines()[-1].strip('= ')}"


def _again(project: Path, outputs: Mapping[str, Any], settings: dict[str, str], folder: Path) -> Product:
    """The second run, with neither images nor a builder's cache in the engine."""
    (project / "note.txt").write_text("a change, so that the second run is a new one\n")
    commit(project, "second")
    path = folder / f"{project.name}.sock"
    started = time.monotonic()
    with counting(engine.host().removeprefix("unix://"), path) as counted:
        again = engine.run(project, {**settings, "DOCKER_HOST": f"unix://{path}"}, "build")
    return Product(
        project=project,
        outputs=outputs,
        again=again,
        requests={
            "builder": sum(count for request, count in counted.items() if "/session" in request or "/build" in request)
        },
        seconds=time.monotonic() - started,
    )


def _second(products: Mapping[str, Product]) -> str:
    rows = ""
    for name, one in products.items():
        signed = one.outputs["signing"]["images"]
        built = sum(image["built"] for image in one.outputs["images"].values())
        again = sum(image["built"] for image in one.again["images"].values())
        rows += f"| {name} | {built} | {len(signed)} | {again} | {one.requests['builder']} | {one.seconds:.1f} |\n"
    return (
        "| product | images built | signed | built by the second run | its requests to a builder | its seconds |\n"
        f"| --- | --- | --- | --- | --- | --- |\n{rows}"
    )


def _starts(refs: Mapping[str, str], prefix: str) -> str:
    """Seconds from nothing, with the layers below it here, and with all of it here, to the end of `python -c pass`."""
    rows = ""
    for name in (*BELOW, *PRODUCTS):
        engine.empty(prefix)
        whole = _started(refs[name])
        cached = _started(refs[name])
        below = {"python": "base", "torch": "python"}.get(name, "torch")
        engine.empty(prefix)
        engine.docker("pull", "--quiet", refs[below])
        upper = _started(refs[name])
        rows += f"| {name} | {whole:.1f} | {upper:.1f} | {cached:.1f} |\n"
    return (
        "| image | pulled whole and started, s | its own layers pulled and started, s | started, s |\n"
        f"| --- | --- | --- | --- |\n{rows}"
    )


def _started(ref: str) -> float:
    started = time.monotonic()
    words = ("run", "--rm", "--quiet", "--env", "MLOPS_SHM_ADVICE=off", ref, "python", "-c", "pass")
    engine.docker(*words)
    return time.monotonic() - started
