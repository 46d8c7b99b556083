"""What the builder in front of the engine can do, found out by letting it build an image of one small file.

An engine with the classic image store refuses archives, cache exports and attestations; one with containerd's store has
them. Versions say nothing about it, so they are not looked at. The answer is kept per builder and buildx.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from mlops_ci import process
from mlops_ci.errors import InfrastructureError, MissingError
from mlops_ci.files import digest_of, write_json
from mlops_ci.images import catalogue
from mlops_ci.images.builder import ENGINE_BUILDER, buildx, described, docker_environment, known_as, probe

PROBE_SECONDS = 60.0
TRIAL = "FROM scratch\nCOPY Dockerfile /\n"
# The end of what buildx says before it asks a builder for what that can't do; other words need not mean this.
CANNOT = "not supported for the"


class NoSuchBuilderError(MissingError):
    """`[image] builder` names a builder that this machine does not know."""


class BuilderUnreachableError(InfrastructureError):
    """A builder does not build at all now: what it can do is unknown."""


@dataclass(frozen=True, kw_only=True)
class Abilities:
    """`repeatable`: zstd layers, OCI media types, rewritten times. `cache`: layers kept in a registry between builds.

    `attestations`: SBOM and provenance beside the image. `why` is what the builder said where it refused.
    """

    repeatable: bool
    cache: bool
    attestations: bool
    why: str = ""


def _packed() -> str:
    """What every output of ours has: the same layers each time, packed as the catalogue says."""
    return f"rewrite-timestamp=true,oci-mediatypes=true,{catalogue.load().packing.words}"


def archive_output(path: Path) -> str:
    """The output with which equal inputs give equal layers: an archive, which the engine then loads."""
    return f"type=oci,dest={path},{_packed()}"


def registry_output(*, push: bool = True) -> str:
    """The output of a builder that is not the engine: straight into the registry, as good as the archive."""
    return f"type=image,push={str(push).lower()},{_packed()}"


def abilities(folder: Path | None = None, builder: str = ENGINE_BUILDER) -> Abilities:
    """What the builder can do; the answer is kept in `folder`.

    One that could not be asked is not one that can do nothing: that is said, and never kept.
    Raises `BuilderMissingError`, `NoSuchBuilderError`, `BuilderUnreachableError`, `DockerUnreachableError`.
    """
    if folder is None:
        return _try_all(builder)
    known = {"buildx": probe().version, "builder": builder, **_behind(builder)}
    path = folder / "builders" / f"{digest_of(known)[:16]}.json"
    try:
        kept = json.loads(path.read_bytes())
        return Abilities(**{field.name: kept[field.name] for field in fields(Abilities)})
    except (OSError, ValueError, KeyError, TypeError):
        found = _try_all(builder)
        write_json(path, {**asdict(found), "asked": known})
        return found


def _behind(builder: str) -> Mapping[str, Any]:
    """What a kept answer is about: the engine and its image store, or what buildx says of another builder."""
    if builder != ENGINE_BUILDER:
        return {"described": described(builder)}
    from mlops_ci.engines.docker_socket import DockerSocket

    info = DockerSocket().info()
    return {"engine": info.get("ID"), "store": info.get("DriverStatus")}


def _try_all(builder: str) -> Abilities:
    """All at once; one by one where that is refused."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "Dockerfile").write_text(TRIAL, encoding="utf-8")
        output = archive_output(folder / "image.tar") if builder == ENGINE_BUILDER else registry_output(push=False)
        archive = ("--output", output, "--build-arg", "SOURCE_DATE_EPOCH=1")
        kept = ("--cache-to", f"type=local,dest={folder / 'cache'},mode=max,compression=zstd")
        attested = ("--provenance", "mode=min")
        refused = _refusal(builder, folder, *archive, *kept, *attested)
        if not refused:
            return Abilities(repeatable=True, cache=True, attestations=True)
        if CANNOT not in refused:
            _check_building(builder, folder)
        said = [_refusal(builder, folder, *words) for words in (archive, kept, (*attested, *archive[:2]))]
        return Abilities(
            repeatable=not said[0], cache=not said[1], attestations=not said[2], why=next(filter(None, said), "")
        )


def _check_building(builder: str, folder: Path) -> None:
    """Raise unless the builder builds when nothing special is asked of it."""
    said = _refusal(builder, folder, "--output", "type=cacheonly")
    if f'no builder "{builder}" found' in said:
        raise NoSuchBuilderError(
            f"this machine knows no builder {builder}",
            hint=f"make it with `docker buildx create --name {builder} --driver ...`, or leave out [image] builder; "
            "`docker buildx ls` lists those that are there",
        )
    if said:
        raise BuilderUnreachableError(
            f"the builder {builder} does not build: {said}",
            hint=f"is what stands behind it up? `docker buildx inspect --bootstrap {builder}` shows it",
        )


def _refusal(builder: str, folder: Path, *words: str) -> str:
    """Why the builder does not do it; nothing when it does."""
    finished = process.run(
        [*buildx("build", "--builder", known_as(builder), "--progress", "plain"), *words, str(folder)],
        environment=docker_environment(),
        timeout=PROBE_SECONDS,
        check=False,
    )
    if finished.exit_code == 0:
        return ""
    if finished.timed_out:
        return f"it did not end within {PROBE_SECONDS:.0f} s"
    said = [line.removeprefix("ERROR: ") for line in finished.tail(8) if line.startswith("ERROR: ")]
    return said[0] if said else (finished.tail(1) or ("it said nothing",))[0]
