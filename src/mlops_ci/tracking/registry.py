"""The model registry: one version for each run, aliases that move only when nobody else moved them. Deletes nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mlops_ci.network import RetryPolicy
from mlops_ci.redaction import Redactor
from mlops_ci.tracking.client import RUN_TAG
from mlops_ci.tracking.connection import Connection, already_there
from mlops_ci.tracking.errors import AliasMovedError, TrackingNotFoundError, TrackingRefusedError
from mlops_ci.tracking.logged_model import logged_model
from mlops_ci.tracking.names import escape, unescape

CANDIDATE = "candidate"
CHAMPION = "champion"
PREVIOUS = "previous_champion"
METRIC_TAG = "mlops.metric."
# Versions that are asked for at once.
PAGE = 1000
SOURCE_TAG = "mlops.source"
"""Where the model's files are: the manifest in the object store. The version itself holds only small files."""


@dataclass(frozen=True, kw_only=True)
class ChampionVersion:
    """A registered version. `run` is our run's id (empty for a foreign version), `metrics` what it scored."""

    version: str
    run: str
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


class ModelRegistry:
    """The registered models of one MLflow server. Errors are those of `Connection.ask`."""

    def __init__(self, uri: str, redactor: Redactor | None = None, *, policy: RetryPolicy | None = None) -> None:
        self.connection = Connection(uri, redactor, policy=policy)

    def register(
        self,
        model: str,
        *,
        run: str,
        tracking_run_id: str,
        files: Path,
        source_uri: str,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """The version of `model` that belongs to our run: the existing one, else a new one with alias `candidate`.

        `files` is a folder of small files (configuration, lineage, a pointer with digests): they become the artifacts
        of a LoggedModel of the MLflow run. `source_uri` says where the model itself is. A call that was cut off
        anywhere is completed by the next one, without a second LoggedModel or version.
        """
        self.connection.check()
        self.connection.ask(f"registering the model {model!r}", lambda client: _registered_model(client, model))
        known = {escape(key): self.connection.redactor.clean(str(value)) for key, value in (tags or {}).items()}
        known |= {RUN_TAG: run, SOURCE_TAG: self.connection.redactor.clean(source_uri)}
        found = self._version_of(model, run)
        if found is None:
            model_id = logged_model(
                self.connection, run=run, tracking_run_id=tracking_run_id, name=model, files=files, tags=known
            )
            found = self.connection.ask(
                f"registering a version of {model!r}",
                lambda client: _find_or_create(client, model, run, tracking_run_id, model_id, known),
            )
        version = str(found.version)
        self._advance_candidate(model, version)
        return version

    def champion(self, model: str) -> ChampionVersion | None:
        """The version with alias `champion`; None when there is none, or no such model."""
        return self.at_alias(model, CHAMPION)

    def at_alias(self, model: str, alias: str) -> ChampionVersion | None:
        """The version with an alias; None when there is none, or no such model."""
        found = self._alias(model, alias)
        return None if found is None else _described(found)

    def version(self, model: str, version: str) -> ChampionVersion | None:
        """That version; None when there is none, or no such model."""
        try:
            found = self.connection.ask(
                f"asking for version {version} of {model!r}", lambda client: client.get_model_version(model, version)
            )
        except TrackingNotFoundError:
            return None
        return _described(found)

    def versions(self, model: str) -> tuple[ChampionVersion, ...]:
        """All versions, the newest first; none when there is no such model."""
        found = self.connection.ask(
            f"asking for the versions of {model!r}", lambda client: _all_versions(client, model)
        )
        return tuple(_described(one) for one in sorted(found, key=lambda one: int(one.version), reverse=True))

    def aliases(self, model: str) -> dict[str, str]:
        """Alias → version; empty when there is no such model."""
        try:
            found = self.connection.ask(
                f"asking for the aliases of {model!r}", lambda client: client.get_registered_model(model)
            )
        except TrackingNotFoundError:
            return {}
        return {str(alias): str(version) for alias, version in dict(found.aliases).items()}

    def restore(
        self, model: str, version: str, *, expected: str, remember: bool, tags: Mapping[str, str] | None = None
    ) -> bool:
        """Move `champion` back to `version` if it is still where `expected` says; False when it is there already.

        With `remember` the champion before gets `previous_champion` first, so that this too can be undone. Without it
        one alias moves, and nothing else: champion and previous champion are the same version then, by which a
        repetition knows that there is nothing left to do. `tags` are set on the version before it is the champion.
        The caller holds the lock of promotions. Raises `AliasMovedError`.
        """
        self.connection.check()
        before = self._version_at(model, CHAMPION)
        if before == version:
            return False
        target = version if remember else self._version_at(model, PREVIOUS)
        if before != expected or target != version:
            what = f"{PREVIOUS} of {model!r} is {_named(target)}" if target != version else ""
            raise AliasMovedError(
                f"somebody else moved an alias meanwhile: {what or f'the champion of {model!r} is {_named(before)}'} "
                f"now, and was {_named(version if what else expected)} when the rollback began",
                hint="nothing was moved; look who promotes (`mlops-ci artifacts list`), then roll back again",
            )
        doing = f"rolling {model!r} back to version {version}"
        for key, value in (tags or {}).items():
            self.connection.ask(
                doing, partial(_tag_version, model=model, version=version, key=escape(key), value=value)
            )
        if remember:
            self._set_alias(model, PREVIOUS, before, doing)
        self._set_alias(model, CHAMPION, version, doing)
        return True

    def note(self, model: str, version: str, tags: Mapping[str, str]) -> None:
        """Set tags on a version that is there. Raises `TrackingNotFoundError` for no such version."""
        self.connection.check()
        for key, value in tags.items():
            self.connection.ask(
                f"noting {key} at version {version} of {model!r}",
                partial(_tag_version, model=model, version=version, key=escape(key), value=value),
            )

    def promote(self, model: str, version: str, *, expected: str | None) -> str | None:
        """Move the alias `champion` to `version` if it is still where `expected` says; gives the version before.

        The champion before gets `previous_champion` first, so the move can be undone. Moving to where the alias is
        already does nothing. MLflow has no compare-and-set: the caller holds a lock that all promotions share, and this
        reads the alias just before it writes. Raises `AliasMovedError`, or `TrackingNotFoundError` for no such version.
        """
        self.connection.check()
        current = self._alias(model, CHAMPION)
        before = None if current is None else str(current.version)
        if before == version:
            return before
        if before != expected:
            raise AliasMovedError(
                f"the champion of {model!r} is {_named(before)} now, but the challenger was compared with "
                f"{_named(expected)}",
                hint="compare again with the champion of today: `mlops-ci evaluate --force --only`, then promote",
            )
        doing = f"promoting version {version} of {model!r}"
        self.connection.ask(doing, lambda client: client.get_model_version(model, version))
        if before is not None:
            self._set_alias(model, PREVIOUS, before, doing)
        self._set_alias(model, CHAMPION, version, doing)
        return before

    def _version_of(self, model: str, run: str) -> Any:
        return self.connection.ask("looking for the run's version", lambda client: _oldest_version(client, model, run))

    def _alias(self, model: str, alias: str) -> Any:
        try:
            return self.connection.ask(
                f"asking for the {alias} of {model!r}", lambda client: client.get_model_version_by_alias(model, alias)
            )
        except TrackingNotFoundError:
            return None
        except TrackingRefusedError as error:
            # Without the alias the server speaks of a bad parameter, not of something that does not exist.
            if "alias" in error.cause.lower() and "not found" in error.cause.lower():
                return None
            raise

    def _version_at(self, model: str, alias: str) -> str | None:
        found = self._alias(model, alias)
        return None if found is None else str(found.version)

    def _advance_candidate(self, model: str, version: str) -> None:
        """The newest version is the candidate; a late repetition of an older run does not take that back."""
        current = self._alias(model, CANDIDATE)
        if current is None or int(current.version) < int(version):
            self._set_alias(model, CANDIDATE, version, f"marking version {version} of {model!r} as a candidate")

    def _set_alias(self, model: str, alias: str, version: str, doing: str) -> None:
        self.connection.ask(doing, lambda client: client.set_registered_model_alias(model, alias, version))


def _registered_model(client: Any, model: str) -> None:
    try:
        client.create_registered_model(model)
    except Exception as error:
        if not already_there(error):
            raise


def _oldest_version(client: Any, model: str, run: str) -> Any:
    """The run's version; if there should be two, the older one, always."""
    for text in (model, run):
        if "'" in text:
            raise ValueError(f"a name holds no quote: {text!r}")
    found = client.search_model_versions(f"name = '{model}' AND tag.`{RUN_TAG}` = '{run}'")
    return min(found, key=lambda one: int(one.version), default=None)


def _all_versions(client: Any, model: str) -> list[Any]:
    if "'" in model:
        raise ValueError(f"a name holds no quote: {model!r}")
    found: list[Any] = []
    token = None
    while True:
        page = client.search_model_versions(f"name = '{model}'", max_results=PAGE, page_token=token)
        found.extend(page)
        token = page.token
        if not token:
            return found


def _tag_version(client: Any, *, model: str, version: str, key: str, value: str) -> None:
    client.set_model_version_tag(model, version, key, value)


def _find_or_create(
    client: Any, model: str, run: str, tracking_run_id: str, model_id: str, tags: Mapping[str, str]
) -> Any:
    """The tags travel with the creation: a version without its run's tag would be made a second time."""
    found = _oldest_version(client, model, run)
    if found is None:
        client.create_model_version(
            model, source=f"models:/{model_id}", run_id=tracking_run_id, model_id=model_id, tags=dict(tags)
        )
        found = _oldest_version(client, model, run)
    return found


def _described(found: Any) -> ChampionVersion:
    tags = {unescape(str(key)): str(value) for key, value in dict(found.tags).items()}
    metrics = {}
    for key, value in tags.items():
        if key.startswith(METRIC_TAG) and (number := _number(value)) is not None:
            metrics[key.removeprefix(METRIC_TAG)] = number
    return ChampionVersion(version=str(found.version), run=tags.get(RUN_TAG, ""), tags=tags, metrics=metrics)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _named(version: str | None) -> str:
    return "none" if version is None else f"version {version}"
