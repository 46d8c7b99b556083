"""What a person calls a published model: RUN, MODEL@VERSION, MODEL@ALIAS, or a manifest's key; and where it is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlops_ci.errors import UsageError
from mlops_ci.publishing.manifest import MODELS, NAME, check_model
from mlops_ci.publishing.reach import Library
from mlops_ci.records.codec import RecordFormatError
from mlops_ci.records.publish import PublishOutputs
from mlops_ci.run.run import HandoverError, is_run_id, open_run, run_ids
from mlops_ci.stages.champion import MANIFEST_DIGEST_TAG, MANIFEST_TAG
from mlops_ci.stages.premises import Premises

LATEST = "latest"
VERSION = re.compile(r"\d+")
_FORMS = "write a run's id, MODEL@VERSION or MODEL@ALIAS: `mlops-ci artifacts list` shows all of them"


class BadArtifactNameError(UsageError):
    """What was named is no run, no MODEL@VERSION and no MODEL@ALIAS."""


class UnknownArtifactError(UsageError):
    """Nothing of that name was published: the registry or the store answered, and has none."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """`text` as it was written. Either `run`, or `model` with `version` or `alias`, or the key of a `manifest`."""

    text: str
    run: str | None = None
    model: str | None = None
    version: str | None = None
    alias: str | None = None
    manifest: str | None = None


@dataclass(frozen=True, kw_only=True)
class Located:
    """The manifest's key, its SHA-256 where something outside of the store says it, and what the registry says."""

    manifest: str
    sha256: str | None = None
    model: str | None = None
    version: str | None = None


def parse(text: str) -> Address:
    """The address; raises `BadArtifactNameError`."""
    model, at, which = text.rpartition("@")
    if is_run_id(text) or text == LATEST:
        return Address(text=text, run=text)
    if text.startswith(MODELS) and text.endswith(f"/{NAME}"):
        return Address(text=text, manifest=text)
    if not at or not model or not which or "'" in text or "`" in text:
        raise BadArtifactNameError(f"{text[:200]!r} names nothing that was published", hint=_FORMS)
    if VERSION.fullmatch(which):
        return Address(text=text, model=check_model(model), version=which)
    return Address(text=text, model=check_model(model), alias=which)


def locate(premises: Premises, address: Address) -> Located:
    """Where the manifest is. Raises `UnknownArtifactError`, and what registry and store raise."""
    if address.manifest is not None:
        return Located(manifest=address.manifest)
    if address.model is not None:
        return _registered(premises, address, address.model)
    return _of_run(premises, address)


def _registered(premises: Premises, address: Address, model: str) -> Located:
    registry = premises.registry
    registry.connection.check()
    if address.version is not None:
        found = registry.version(model, address.version)
    else:
        found = registry.at_alias(model, str(address.alias))
    if found is None:
        aliases = ", ".join(f"{name} ({version})" for name, version in sorted(registry.aliases(model).items()))
        raise UnknownArtifactError(
            f"the registry {registry.connection.uri} has no {address.text}", hint=f"its aliases: {aliases or 'none'}"
        )
    key = found.tags.get(MANIFEST_TAG)
    if key is None:
        raise UnknownArtifactError(
            f"version {found.version} of {model!r} names no manifest", hint="it was not published by mlops-ci"
        )
    return Located(manifest=key, sha256=found.tags.get(MANIFEST_DIGEST_TAG), model=model, version=found.version)


def _of_run(premises: Premises, address: Address) -> Located:
    runs = premises.workspace.runs
    run = str(address.run)
    if run == LATEST or run in run_ids(runs):
        here = open_run(runs, run)
        run = here.id
        try:
            published = here.outputs("publish", PublishOutputs)
        except (HandoverError, RecordFormatError):
            published = None
        if published is not None and published.manifest.store == premises.store.uri:
            return Located(
                manifest=published.manifest.key,
                sha256=published.manifest.sha256,
                model=published.model.name,
                version=published.model.version,
            )
    library = Library(premises.store)
    listed = library.listed()
    times = {info.key: info.modified or 0.0 for info in listed}
    keys = [key for key, manifest in library.manifests(listed).items() if manifest.lineage.get("run") == run]
    if not keys:
        raise UnknownArtifactError(
            f"run {run} has published nothing in {premises.store.uri}",
            hint="`mlops-ci artifacts list` shows what is there; is [publish] store the right one?",
        )
    return Located(manifest=max(keys, key=lambda key: (times[key], key)))
