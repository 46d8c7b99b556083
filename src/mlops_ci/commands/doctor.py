"""`mlops-ci doctor`: what this machine has and lacks, with a fix for each lack."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import click

from mlops_ci import process
from mlops_ci.commands.options import Options, load_settings
from mlops_ci.engines.docker_socket import DockerSocket
from mlops_ci.errors import MlopsError
from mlops_ci.images.abilities import abilities
from mlops_ci.images.builder import ENGINE_BUILDER, buildx
from mlops_ci.network import ca_bundle
from mlops_ci.scanning.binary import find
from mlops_ci.settings.image import ImageSettings

ENOUGH_DISK = 10 * 1024**3
EXTRAS = {"docker": "docker", "mlflow": "mlflow", "boto3": "s3", "nacl": "sign"}
NO_WORD = "start Docker; with [image] builder and registry none is needed to build"
MARKS = {"ok": "✓", "lack": "!", "missing": "✗"}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """`ok`, `lack` (something works less well or not at all, other ways remain) or `missing` (nothing works)."""

    name: str
    status: Literal["ok", "lack", "missing"]
    detail: str
    fix: str = ""


def doctor(*, as_json: bool) -> int:
    """Print the findings; exit code 3 only if something is missing without which nothing works."""
    findings = list(_findings())
    if as_json:
        click.echo(json.dumps([asdict(one) for one in findings], indent=2))
    else:
        for one in findings:
            click.echo(f"{MARKS[one.status]} {one.name:<12} {one.detail}")
            if one.fix and one.status != "ok":
                click.echo(f"  {'':<12} fix: {one.fix}")
    return 3 if any(one.status == "missing" for one in findings) else 0


def _findings() -> Iterator[Finding]:
    yield Finding(
        name="system",
        status="ok",
        detail=f"{platform.platform()}, Python {platform.python_version()}, {sys.executable}",
    )
    yield _tool("git", "missing", "install git", ["--version"])
    image = configured()
    yield _engine(image)
    yield _buildx()
    yield from builders(image)
    yield _trivy()
    for module, extra in EXTRAS.items():
        there = find_spec(module) is not None
        yield Finding(
            name=module,
            status="ok" if there else "lack",
            detail="installed" if there else "not installed",
            fix=f'pip install "mlops-ci[{extra}]"',
        )
    yield _cosign()
    yield _server()
    yield _disk()
    bundle = ca_bundle()
    yield Finding(
        name="CA bundle", status="ok" if bundle else "lack", detail=str(bundle), fix="set [mirrors] ca-bundle"
    )


def _tool(name: str, otherwise: Literal["lack", "missing"], fix: str, arguments: list[str]) -> Finding:
    return _asked(name, otherwise, fix, lambda: process.run([name, *arguments], timeout=20).stdout.splitlines()[0])


def configured() -> ImageSettings | None:
    """The table `[image]` of the repository here; None where there is none that can be read, which plan explains."""
    try:
        return load_settings(Options(engine="docker")).tables.image
    except MlopsError:
        return None


def _engine(image: ImageSettings | None) -> Finding:
    fix = "start Docker, or set DOCKER_HOST; without it the host engine is used"
    if image is not None and image.without_engine:
        fix = (
            f"none is needed to build, scan and sign: the builder {image.builder} does it with {image.registry}. Jobs "
            "need an engine, or a pod that is started from the image (--engine inside)"
        )
    return _asked("engine", "lack", fix, _engine_version)


def _engine_version() -> str:
    engine = DockerSocket()
    engine.ping()
    return f"Docker {engine.version().get('Version', '?')}"


def _buildx() -> Finding:
    fix = "install Docker's buildx plugin; images cannot be built without it"
    return _asked("buildx", "lack", fix, _buildx_version)


def _buildx_version() -> str:
    return process.run(buildx("version"), timeout=20).stdout.strip()


def builders(image: ImageSettings | None) -> Iterator[Finding]:
    """What the builder in front of this engine can do, and the one that `[image] builder` names."""
    yield _builder("builder", ENGINE_BUILDER)
    if image is not None and image.builder:
        yield _builder(image.builder, image.builder)
        if not image.registry:
            yield Finding(
                name="registry",
                status="lack",
                detail=f"the builder {image.builder} has no place to put images",
                fix="set [image] registry to a registry that it may push to",
            )


def _builder(name: str, builder: str) -> Finding:
    """What it can do, as it shows when it is asked to."""
    try:
        if builder == ENGINE_BUILDER:
            DockerSocket().ping()
        can = abilities(builder=builder)
    except (MlopsError, OSError) as error:
        cause, fix = (error.cause, error.hint) if isinstance(error, MlopsError) else (str(error), "")
        return Finding(name=name, status="lack", detail=f"could not be asked: {cause}", fix=fix or NO_WORD)
    detail = "; ".join(
        f"{what}: {'yes' if there else 'no'}"
        for what, there in (
            ("equal layers for equal inputs, zstd", can.repeatable),
            ("layer cache in a registry", can.cache),
            ("attestations", can.attestations),
        )
    )
    whole = can.repeatable and can.cache and can.attestations
    return Finding(
        name=name,
        status="ok" if whole else "lack",
        detail=detail if whole else f"{detail} ({can.why})",
        fix="keep images in containerd's store: features.containerd-snapshotter = true in the engine's daemon.json"
        if builder == ENGINE_BUILDER
        else "update the BuildKit behind it, or leave [image] builder out",
    )


def _trivy() -> Finding:
    return _asked("trivy", "lack", 'pip install "mlops-ci[scan]"', _trivy_version)


def _trivy_version() -> str:
    trivy = find(Path.cwd())
    trivy.check()
    return f"Trivy {trivy.version} ({trivy.path})"


def _cosign() -> Finding:
    path = shutil.which("cosign")
    fix = "install cosign, for keyless signatures; keys need none"
    return Finding(name="cosign", status="ok" if path else "lack", detail=path or "not on PATH", fix=fix)


def _server() -> Finding:
    there = (
        find_spec("mlflow") is not None
        and find_spec("mlflow.server") is not None
        and find_spec("sqlalchemy") is not None
    )
    detail = "the embedded MLflow server can start" if there else "no embedded MLflow server"
    return Finding(
        name="tracking",
        status="ok" if there else "lack",
        detail=detail,
        fix='pip install "mlops-ci[embedded]", or name a server in [tracking] uri',
    )


def _disk() -> Finding:
    free = shutil.disk_usage(os.getcwd()).free
    detail = f"{free / 1e9:.1f} GB free in {os.getcwd()}"
    return Finding(
        name="disk",
        status="ok" if free > ENOUGH_DISK else "lack",
        detail=detail,
        fix="`mlops-ci clean` frees what can be made again",
    )


def _asked(name: str, otherwise: Literal["lack", "missing"], fix: str, ask: Callable[[], str]) -> Finding:
    try:
        return Finding(name=name, status="ok", detail=ask())
    except (MlopsError, OSError, IndexError) as error:
        cause = error.cause if isinstance(error, MlopsError) else str(error)
        return Finding(name=name, status=otherwise, detail=cause, fix=fix)
