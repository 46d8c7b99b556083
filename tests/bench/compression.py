"""PyTorch's layer for CPUs, packed by BuildKit itself from an empty builder: gzip, and zstd at each of its levels."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import tarfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from bench import engine
from bench.place import kept
from mlops_ci.images import catalogue

# BuildKit packs with a Go library that knows four strengths of zstd; these levels name one each. Source:
# klauspost/compress, `EncoderLevelFromZstd`. Nothing packed is no floor: what is larger costs more on its way out.
WAYS = ("uncompressed", "gzip", "zstd 3", "zstd 7", "zstd 11", "zstd 1")
LIMIT = 0.8
DOCKERFILE = "ARG FROM\nFROM ${FROM} AS made\nFROM scratch\nCOPY --from=made /opt/venv /opt/venv\n"


@dataclass(frozen=True, kw_only=True)
class Packed:
    """One way: bytes of the layer, processor seconds of the engine, seconds by the clock."""

    bytes: int
    processor: float
    seconds: float


def table(folder: Path) -> str:
    """On an engine with containerd's store (DOCKER_HOST): the classic one can't pack."""
    registry = engine.registry()
    project = engine.project(folder / "project", 'layer = "torch"')
    outputs = engine.run(project, engine.settings(folder, registry), "build")
    ref = outputs["images"]["torch"]["ref"]
    (folder / "context").mkdir(exist_ok=True)
    (folder / "context" / "Dockerfile").write_text(DOCKERFILE)
    found = {
        way: Packed(**kept(folder / f"{way.replace(' ', '-')}.json", _work(folder / "context", ref, way)))
        for way in WAYS
    }
    engine.empty(registry)
    return _shown(found)


def _work(context: Path, ref: str, way: str) -> Callable[[], Any]:
    return lambda: asdict(_packed(context, ref, way))


def _shown(found: dict[str, Packed]) -> str:
    gzip = found["gzip"]
    rows = "".join(
        f"| {way} | {one.bytes / 1e6:.1f} | {one.bytes / gzip.bytes:.3f} | {one.processor:.1f} "
        f"| {one.processor / gzip.processor:.2f} | {one.seconds:.1f} |\n"
        for way, one in found.items()
    )
    packing = catalogue.load().packing
    chosen = found[f"{packing.compression} {packing.level}"]
    return (
        "| packed as | MB | ratio to gzip | the engine's processor seconds | ratio to gzip | all of it, s |\n"
        f"| --- | --- | --- | --- | --- | --- |\n{rows}\n"
        f"The catalogue's `{packing.compression} {packing.level}`: {chosen.bytes / gzip.bytes:.3f} of gzip; "
        f"limit {LIMIT}"
    )


def _packed(context: Path, ref: str, way: str) -> Packed:
    """The same steps from an empty builder, the image read as it comes out: nothing is kept."""
    engine.docker("builder", "prune", "--all", "--force")
    name, _, level = way.partition(" ")
    packing = f"compression={name},force-compression=true" + (f",compression-level={level}" if level else "")
    words = ["docker", "buildx", "build", "--builder", "default", "--build-arg", f"FROM={ref}", "--quiet"]
    words += ["--output", f"type=oci,dest=-,oci-mediatypes=true,{packing}", str(context)]
    environment = {**os.environ, "DOCKER_HOST": engine.host(), "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    before, started = _processor(), time.monotonic()
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as build:
        assert build.stdout is not None
        assert build.stderr is not None
        try:
            with tarfile.open(fileobj=build.stdout, mode="r|") as archive:
                largest = max(member.size for member in archive)
        except tarfile.ReadError as error:
            raise RuntimeError(build.stderr.read().decode()[-3000:]) from error
    if build.returncode:
        raise RuntimeError(f"`{' '.join(words)}` failed")
    return Packed(bytes=largest, processor=_processor() - before, seconds=time.monotonic() - started)


def _processor() -> float:
    """Processor seconds of the engine and of what it started."""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(engine.host().removeprefix("unix://"))
        peer, _, _ = struct.unpack("3i", asked.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    whole = psutil.Process(peer)
    return sum(one.cpu_times().user + one.cpu_times().system for one in (whole, *whole.children()))
