"""The stage promote: moves the champion alias, alone, and only when evaluate said so."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from mlops_ci.records.evaluate import EvaluateOutputs
from mlops_ci.records.promote import PromoteOutputs
from mlops_ci.records.publish import PublishOutputs
from mlops_ci.run.approval import approval
from mlops_ci.signing.errors import UnsignedModelError
from mlops_ci.stages import model_signatures
from mlops_ci.stages.champion import MANIFEST_DIGEST_TAG
from mlops_ci.stages.decisions import no_promotion
from mlops_ci.stages.premises import promotion_lock
from mlops_ci.stages.result import Result, skipped
from mlops_ci.stages.session import Session
from mlops_ci.tracking.registry import ModelRegistry

ALIAS = "champion"


def inputs(session: Session) -> Mapping[str, Any]:
    """The published version, the verdict, and whether a human has approved."""
    publish = session.run.record("publish")
    return {
        "publish": publish.fingerprint if publish is not None else None,
        "approval": session.settings.tables.publish.approval,
        "approved": approval(session.run) is not None,
        "left_out": no_promotion(session),
    }


def run(session: Session) -> Result:
    """Move the alias on `promote`; wait for a human on `review`; leave it on `keep`."""
    if reason := no_promotion(session):
        return skipped(reason)
    decided = session.run.outputs("evaluate", EvaluateOutputs)
    published = session.run.outputs("publish", PublishOutputs)
    champion = decided.champion.version if decided.champion else None
    approved = approval(session.run)
    stays = PromoteOutputs(alias=ALIAS, from_=champion, to=champion)
    if decided.verdict == "keep":
        session.console.say(f"the champion stays: {decided.why}")
        return Result(outputs=stays, reason=f"keep: {decided.why}")
    asked = decided.verdict == "review" or session.settings.tables.publish.approval
    if asked and approved is None:
        return Result(
            status="waiting", outputs=stays, reason=f"a human must approve: `mlops-ci approve {session.run.id}`"
        )
    registry = ModelRegistry(session.tracking_uri, session.console.redactor)
    _check_signature(session, published, registry)
    with promotion_lock(session.workspace):
        registry.promote(published.model.name, published.model.version, expected=champion)
    session.console.say(f"{published.model.name} version {published.model.version} is now the {ALIAS}")
    return Result(outputs=PromoteOutputs(alias=ALIAS, from_=champion, to=published.model.version, approved_by=approved))


def _check_signature(session: Session, published: PublishOutputs, registry: ModelRegistry) -> None:
    """The version in the registry is what was signed; raises `UnsignedModelError`."""
    asker = model_signatures.asker(session)
    if not asker.asks():
        return
    if not published.signed:
        asker.absent(published.model.name, f"version {published.model.version}")
        return
    manifest, signature = (session.run.open(one).read_bytes() for one in published.signed)
    found = registry.version(published.model.name, published.model.version)
    digest = hashlib.sha256(manifest).hexdigest()
    if found is None or found.tags.get(MANIFEST_DIGEST_TAG) != digest or published.manifest.sha256 != digest:
        raise UnsignedModelError(
            f"version {published.model.version} of {published.model.name} names another manifest than was signed",
            hint="find out who writes into the model registry, then publish again",
        )
    asker.of_files(manifest, signature)
