"""The reigning model: what the registry says of it, and its verified files."""

from __future__ import annotations

from pathlib import Path

from mlops_ci.errors import UncheckedError
from mlops_ci.publishing.fetch import fetch
from mlops_ci.publishing.manifest import MODEL_FILES, Manifest, read_manifest
from mlops_ci.stages.jobs import fresh
from mlops_ci.stages.model_signatures import asker
from mlops_ci.stages.session import Session
from mlops_ci.stores.errors import ObjectMissingError
from mlops_ci.tracking.registry import ChampionVersion, ModelRegistry

MANIFEST_TAG = "mlops.manifest"
MANIFEST_DIGEST_TAG = "mlops.manifest_sha256"
# The image that serves a version: noted once it counts as deployed.
IMAGE_TAG, IMAGE_DIGEST_TAG = "mlops.serving_image", "mlops.serving_digest"


class ChampionUnreadableError(UncheckedError):
    """There is a champion, and its files could not be had."""


def current(session: Session) -> ChampionVersion | None:
    """The version that has the alias `champion`, or None. A version of this very run is no champion to beat."""
    found = ModelRegistry(session.tracking_uri, session.console.redactor).champion(session.settings.model)
    return None if found is None or found.run == session.run.id else found


def files(session: Session, target: Path | None = None) -> Path | None:
    """The champion's model files, checked against its signature and its manifest, or None when there is no champion.

    They are put into `target`, by default into the run's own folder for them.
    """
    found = current(session)
    if found is None:
        return None
    key = found.tags.get(MANIFEST_TAG)
    if key is None:
        raise ChampionUnreadableError(
            f"version {found.version} of {session.settings.model} names no manifest",
            hint="it was not published by mlops-ci; move the alias `champion` to a version that was",
        )
    folder = fresh(target or session.run.path("champion"))
    digest = found.tags.get(MANIFEST_DIGEST_TAG)
    try:
        asker(session).of_store(session.store, key, sha256=digest)
        fetch(session.store, key, folder, below=MODEL_FILES, sha256=digest)
    except ObjectMissingError as error:
        raise ChampionUnreadableError(
            f"version {found.version} of {session.settings.model} is not whole in {session.store.uri}: {error.cause}",
            hint="is [publish] store the one that it was published to? Else restore the object, or move the alias",
        ) from error
    return folder / "model"


def manifest(session: Session, found: ChampionVersion) -> Manifest:
    """What was published as the champion, checked against the digest that the registry has of it."""
    return read_manifest(session.store, found.tags[MANIFEST_TAG], sha256=found.tags.get(MANIFEST_DIGEST_TAG))
