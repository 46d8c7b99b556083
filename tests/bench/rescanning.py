"""A rescan from the kept SBOM, the whole command, beside a cold scan of the very image by Trivy alone."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
from pathlib import Path

from bench.clock import seconds
from bench.programs import compiled
from mlops_ci.scanning.binary import find
from support import trivy_db
from support.cli import call, newest_run, records
from support.project import WITH_TORCH, make_project

TIMES = 3


def table(folder: Path) -> str:
    """Seconds of both in turns, and their ratio. The image is the default configuration's: PyTorch, CPU."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    project = make_project(folder / "project", config=WITH_TORCH)
    settings = {"MLOPS_CI_ENGINE": "docker", "DOCKER_HOST": host, "MLOPS_CI_SCAN__OFFLINE": "true"}
    base = os.environ.get("MLOPS_CI_TEST_BASE_IMAGE")
    if base:
        settings["MLOPS_CI_MIRRORS__IMAGES"] = f'{{"debian:bookworm-slim" = "{base}"}}'
    done = call(project, "run", "build", environment=settings)
    if done.exit_code != 0:
        raise RuntimeError(done.said)
    outputs = records(project)["build"]["outputs"]
    image = outputs["images"][outputs["top"]]
    sbom = newest_run(project) / outputs["sbom"][-1]["path"]
    cache = folder / "cache"
    trivy_db.write_database(cache / "trivy")
    settings |= {"MLOPS_CI_CACHE": str(cache), **compiled(folder)}
    scanner = find(project).path
    _rescan(project, sbom, settings)
    cold, again = [], []
    for _ in range(TIMES):
        cold.append(seconds(lambda: _cold(scanner, image["ref"], folder / "cold", host)))
        again.append(seconds(lambda: _rescan(project, sbom, settings)))
    ratio = statistics.median(again) / statistics.median(cold)
    return (
        f"image of {image['bytes'] / 1e6:.0f} MB, SBOM of {sbom.stat().st_size / 1e3:.0f} kB, medians of {TIMES}\n\n"
        "| what | seconds |\n| --- | --- |\n"
        f"| `trivy image`, empty cache, through the engine | {statistics.median(cold):.2f} |\n"
        f"| `mlops-ci rescan SBOM`, the whole command | {statistics.median(again):.2f} |\n"
        f"| ratio | {ratio:.3f} |"
    )


def _cold(scanner: Path, ref: str, cache: Path, host: str) -> None:
    """What a job does that has only the image: the database is there, nothing else is known."""
    shutil.rmtree(cache, ignore_errors=True)
    trivy_db.write_database(cache)
    words = ["image", "--image-src", "docker", "--scanners", "vuln", "--format", "json", "--quiet"]
    offline = ["--cache-dir", str(cache), "--skip-db-update", "--skip-java-db-update", "--offline-scan"]
    environment = {**os.environ, "DOCKER_HOST": host}
    skipped = ["--skip-files", "**/*.jar"]
    argv = [str(scanner), *words, *offline, *skipped, ref]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, env=environment)


def _rescan(project: Path, sbom: Path, settings: dict[str, str]) -> None:
    done = call(project, "rescan", str(sbom), environment=settings)
    if done.exit_code not in (0, 1):
        raise RuntimeError(done.said)
