"""Nothing has changed and the builder is empty: the whole command beside plain `docker buildx bake --push`."""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import engine
from bench.clock import seconds
from bench.rebuild import counting
from mlops_ci.images import catalogue
from mlops_ci.images.builder import probe
from mlops_ci.images.sources import package_sources
from mlops_ci.settings.mirrors import MirrorSettings
from support.project import commit

TIMES = 3
LAYERS = ("base", "python", "torch", "train")
CA = Path("/etc/ssl/certs/ca-certificates.crt")
LIMIT = 0.1


def table(folder: Path) -> str:
    """Both in turns, each after the engine's images and the builder's cache were taken away."""
    ours, plain = engine.registry(), engine.registry()
    settings = engine.settings(folder, ours)
    project = engine.project(folder / "project")
    first = engine.run(project, settings, "build")
    file = _plain(folder / "plain", folder / "cache", first, plain)
    bake = ("buildx", "bake", "--builder", "default", "--push", "--file", str(file), *probe().allow((folder, CA)))
    _bake(*bake)
    baked: list[float] = []
    built: list[float] = []
    builder = 0
    for number in range(TIMES):
        engine.empty(plain, ours)
        baked.append(seconds(lambda: _bake(*bake)))
        engine.empty(plain, ours)
        (project / "note.txt").write_text(f"change {number}, so that the run is a new one\n")
        commit(project, f"change {number}")
        path = folder / f"{number}.sock"
        with counting(engine.host().removeprefix("unix://"), path) as counted:
            again: dict[str, Any] = {}
            asked = {**settings, "DOCKER_HOST": f"unix://{path}"}
            built.append(seconds(lambda: again.update(engine.run(project, asked, "build"))))  # noqa: B023
        if any(image["built"] for image in again["images"].values()):
            raise RuntimeError("something was built")
        builder += sum(count for request, count in counted.items() if "/session" in request or "/build" in request)
    ratio = statistics.median(built) / statistics.median(baked)
    return (
        f"{len(LAYERS)} images; {builder} requests to a builder; medians of {TIMES}\n\n"
        "| what | seconds |\n| --- | --- |\n"
        f"| `docker buildx bake --push`, linked targets, warm registry cache | {statistics.median(baked):.2f} |\n"
        f"| `mlops-ci run build`, the whole command | {statistics.median(built):.2f} |\n"
        f"| ratio | {ratio:.3f} |\n| limit | {LIMIT} |"
    )


def _plain(folder: Path, cache: Path, outputs: Mapping[str, Any], registry: str) -> Path:
    """A bake file as one would write it by hand: linked targets, a registry cache of each, the same Dockerfiles."""
    source = catalogue.load()
    targets: dict[str, Any] = {}
    for index, name in enumerate(LAYERS):
        context = folder / name
        shutil.copytree(source.folder / name, context)
        for shared in source.layers[name].shared:
            shutil.copyfile(source.folder / "common" / shared, context / shared)
        key = outputs["images"][name]["content_key"]
        made = next((cache / "builds").glob(f"{name}-{key[:8]}*/bake.json"))
        told = json.loads(made.read_bytes())["target"][name]
        lock = context / "requirements.2.13-cpu.lock"
        if lock.exists():
            shutil.copyfile(lock, context / "requirements.lock")
        if name == "torch":
            for wheel in _wheels(folder):
                (context / "wheels").mkdir(exist_ok=True)
                shutil.copyfile(wheel, context / "wheels" / wheel.name)
        configuration = folder / f"{name}.pip"
        links = "find-links = /run/context/wheels\n" if (context / "wheels").exists() else ""
        configuration.write_text(f"[global]\ntimeout = 60\n{links}")
        below = {"contexts": {"below": f"target:{LAYERS[index - 1]}"}} if index else {}
        where = f"type=registry,ref={registry}/{name}:cache"
        parent = "below" if index else told["args"]["BASE_IMAGE"]
        targets[name] = {
            "context": str(context),
            "args": {**told["args"], "BASE_IMAGE": parent},
            "tags": [f"{registry}/{name}:plain"],
            "secret": [f"id=ca,src={CA}", f"id=pip,src={configuration}"],
            "cache-from": [where],
            "cache-to": [f"{where},mode=max"],
            **below,
        }
        targets[name]["args"].pop("PARENT", None)
    file = folder / "bake.json"
    file.write_text(json.dumps({"group": {"default": {"targets": list(LAYERS)}}, "target": targets}))
    return file


def _wheels(root: Path) -> list[Path]:
    """PyTorch's wheels in this machine's own folders, where pip would find them."""
    variant = catalogue.load().variant("2.13", "cpu")
    folders = package_sources(MirrorSettings(), variant, root=root).folders
    return [path for folder in folders for path in sorted(Path(folder).glob(f"torch-{variant.release.torch}*.whl"))][:1]


def _bake(*words: str) -> None:
    engine.docker(*words)
