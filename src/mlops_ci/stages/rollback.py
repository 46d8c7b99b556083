"""Rolls back: the champion before is the champion again, when its files are still what was published."""

from __future__ import annotations

import os
from dataclasses import dataclass

from mlops_ci.errors import UncheckedError, UsageError
from mlops_ci.publishing.manifest import ManifestError
from mlops_ci.publishing.verify import verify
from mlops_ci.run.clock import now, stamp
from mlops_ci.stages.champion import IMAGE_TAG, MANIFEST_DIGEST_TAG, MANIFEST_TAG
from mlops_ci.stages.model_signatures import Asker
from mlops_ci.stages.premises import Premises
from mlops_ci.stores.base import OnProgress
from mlops_ci.stores.errors import ObjectMissingError
from mlops_ci.tracking.errors import AliasMovedError
from mlops_ci.tracking.registry import PREVIOUS, ChampionVersion

RESTORED_FROM, RESTORED_AT, RESTORED_BY = "mlops.restored_from", "mlops.restored_at", "mlops.restored_by"
SHOWN = 5


class NothingToRestoreError(UsageError):
    """There is no version to roll back to: no champion, no champion before it, or no version of that number."""


class NotRestorableError(UncheckedError):
    """The version to roll back to is not whole: its files are gone, were changed, or can't be checked."""


@dataclass(frozen=True, kw_only=True)
class Rollback:
    """What a rollback does: `from_` is the champion now, `to` the version that takes its place.

    `remember`: `from_` becomes the previous champion. `done`: there is nothing left to do, since `to` is the champion.
    `image` is the one that stage deploy made to serve it.
    """

    model: str
    from_: str
    to: str
    run: str
    manifest: str | None
    remember: bool
    done: bool
    restored_from: str | None = None
    image: str | None = None


def find(premises: Premises, model: str, *, to: str | None = None) -> Rollback:
    """What would be done. Raises `NothingToRestoreError`, and what the registry raises."""
    registry = premises.registry
    registry.connection.check()
    champion = registry.champion(model)
    if champion is None:
        raise NothingToRestoreError(
            f"{model!r} has no champion, so there is nothing to roll back", hint=_versions(premises, model)
        )
    target = registry.at_alias(model, PREVIOUS) if to is None else registry.version(model, to)
    if target is None:
        what = f"{model!r} has no version {to}"
        if to is None:
            what = f"version {champion.version} is the first champion of {model!r}: there is no previous one"
        raise NothingToRestoreError(what, hint=_versions(premises, model))
    return Rollback(
        model=model,
        from_=champion.version,
        to=target.version,
        run=target.run,
        manifest=target.tags.get(MANIFEST_TAG),
        remember=to is not None,
        done=target.version == champion.version,
        restored_from=target.tags.get(RESTORED_FROM),
        image=target.tags.get(IMAGE_TAG),
    )


def require(plan: Rollback, expected: str | None) -> None:
    """Raises `AliasMovedError` unless the champion is the version that somebody decided to roll back from.

    What was done already is done, also where it was asked for twice.
    """
    if expected is None or plan.from_ == expected or (plan.done and plan.restored_from == expected):
        return
    raise AliasMovedError(
        f"the champion of {plan.model!r} is version {plan.from_} now, not {expected}",
        hint="nothing was moved; look who promotes (`mlops-ci artifacts list`), then roll back from that version",
    )


def check(premises: Premises, plan: Rollback, *, on_progress: OnProgress | None = None) -> None:
    """Look at the signature, download and hash every file of the version.

    Raises `NotRestorableError`, `UnsignedModelError`, and what a `Store` raises.
    """
    target = premises.registry.version(plan.model, plan.to)
    key = None if target is None else target.tags.get(MANIFEST_TAG)
    if target is None or key is None:
        raise NotRestorableError(
            f"version {plan.to} of {plan.model!r} names no manifest, so nobody can say whether its files are right",
            hint="it was not published by mlops-ci; name another version: --to",
        )
    _check_files(premises, plan, target, key, on_progress)


def move(premises: Premises, plan: Rollback, *, by: str) -> bool:
    """Move the alias under the lock of promotions; False when somebody else did the same. Raises `AliasMovedError`."""
    tags = {RESTORED_FROM: plan.from_, RESTORED_AT: stamp(now()), RESTORED_BY: by}
    with premises.promotions():
        return premises.registry.restore(plan.model, plan.to, expected=plan.from_, remember=plan.remember, tags=tags)


def _check_files(
    premises: Premises, plan: Rollback, target: ChampionVersion, key: str, on_progress: OnProgress | None
) -> None:
    digest = target.tags.get(MANIFEST_DIGEST_TAG)
    asker = Asker(settings=premises.settings, environ=os.environ, console=premises.console)
    try:
        asker.of_store(premises.store, key, sha256=digest)
        problems = verify(premises.store, key, sha256=digest, on_progress=on_progress)
    except (ObjectMissingError, ManifestError) as error:
        raise NotRestorableError(
            f"version {plan.to} of {plan.model!r} can't be checked: {error.cause}",
            hint="is [publish] store the one that it was published to? Else restore it from a backup, or name another "
            "version: --to",
        ) from error
    if problems:
        raise NotRestorableError(
            f"version {plan.to} of {plan.model!r} is not what was published: {len(problems)} of its files are wrong",
            hint="restore them from a backup, or name another version: --to; the alias was not moved",
            details=tuple(f"{one.name}: {one.kind}: {one.detail}" for one in problems[:SHOWN]),
        )


def _versions(premises: Premises, model: str) -> str:
    known = premises.registry.versions(model)
    if not known:
        return f"there is no model {model!r} in {premises.registry.connection.uri}: is [tracking] uri right?"
    listed = ", ".join(one.version for one in known[:SHOWN]) + (" ..." if len(known) > SHOWN else "")
    return f"name a version: --to; the newest are {listed} (`mlops-ci artifacts list` says more)"
