"""What was published: the manifests of the store beside the versions and aliases of the registry; and what may go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from mlops_ci.errors import MlopsError
from mlops_ci.publishing.manifest import MODELS, Manifest
from mlops_ci.publishing.reach import Library
from mlops_ci.run.clock import stamp
from mlops_ci.stages.champion import MANIFEST_TAG
from mlops_ci.stages.premises import Premises


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What the registry calls a manifest."""

    version: str
    aliases: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """One manifest. `bytes` counts equal files once; `version` is null where the registry has none or was not asked."""

    model: str
    version: str | None
    aliases: tuple[str, ...]
    run: str | None
    verdict: str | None
    files: int
    bytes: int
    published_at: str | None
    manifest: str


def artifacts(
    library: Library, registered: dict[str, Registration], *, model: str | None = None
) -> tuple[Artifact, ...]:
    """All manifests, or one model's, the newest first."""
    listed = [info for info in library.listed() if model is None or model_of(info.key) == model]
    times = {info.key: info.modified for info in listed}
    found = library.manifests(listed)

    def newer(key: str) -> tuple[float, int, str]:
        # S3 knows whole seconds: of two in one second the registry knows which came later.
        version = registered[key].version if key in registered else "0"
        return times[key] or 0.0, int(version), key

    order = sorted(found, key=newer, reverse=True)
    return tuple(_artifact(key, found[key], times[key], registered.get(key)) for key in order)


def model_of(manifest: str) -> str:
    """The model that a manifest's key names."""
    return manifest.removeprefix(MODELS).rsplit("/", 2)[0]


def registered(premises: Premises, models: Iterable[str]) -> dict[str, Registration]:
    """Manifest key → what the registry calls it. Raises what the registry raises."""
    found: dict[str, Registration] = {}
    registry = premises.registry
    registry.connection.check()
    for model in sorted(set(models)):
        aliases = registry.aliases(model)
        for one in registry.versions(model):
            names = tuple(sorted(alias for alias, version in aliases.items() if version == one.version))
            key = one.tags.get(MANIFEST_TAG)
            if key is not None and (names or key not in found):
                found[key] = Registration(version=one.version, aliases=names)
    return found


def registered_or_none(premises: Premises, models: Iterable[str]) -> dict[str, Registration] | None:
    """The same for who only looks: None, and a warning, when the registry can't be asked."""
    try:
        return registered(premises, models)
    except MlopsError as error:
        premises.console.annotate("warning", "the registry", f"versions and aliases are not known: {error.cause}")
        return None


def pinned(premises: Premises, library: Library) -> frozenset[str]:
    """The manifests at which aliases point."""
    models = {model_of(info.key) for info in library.listed()}
    return frozenset(key for key, one in registered(premises, models).items() if one.aliases)


def _artifact(key: str, manifest: Manifest, modified: float | None, known: Registration | None) -> Artifact:
    sizes = {file.key: file.bytes for file in manifest.files}
    run = manifest.lineage.get("run")
    verdict = manifest.evaluation.get("verdict")
    return Artifact(
        model=manifest.model,
        version=known.version if known is not None else None,
        aliases=known.aliases if known is not None else (),
        run=str(run) if run is not None else None,
        verdict=str(verdict) if verdict is not None else None,
        files=len(manifest.files),
        bytes=sum(sizes.values()),
        published_at=None if modified is None else stamp(datetime.fromtimestamp(modified, UTC)),
        manifest=key,
    )
