"""The stage deploy: an image that serves the new champion, built, scanned, smoke-tested, and only then handed on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_ci.records.codec import to_json
from mlops_ci.records.deploy import DeployedImage, DeployOutputs
from mlops_ci.records.promote import PromoteOutputs
from mlops_ci.records.publish import PublishOutputs
from mlops_ci.stages import deployment
from mlops_ci.stages.decisions import no_deployment
from mlops_ci.stages.deploy_image import Made, make
from mlops_ci.stages.deploy_smoke import smoke
from mlops_ci.stages.result import Result, skipped
from mlops_ci.stages.session import Session


def inputs(session: Session) -> Mapping[str, Any]:
    """Which version became the champion, how it is to be served, and by what code."""
    known = {name: session.run.record(name) for name in ("publish", "promote")}
    deploy = session.settings.tables.deploy
    asked = {
        "image": to_json(session.settings.tables.image),
        "scan": to_json(session.settings.tables.scan),
        "code": session.resolution.code_sha256,
        "engine": session.engine.name,
    }
    return {
        **{name: record.fingerprint if record is not None else None for name, record in known.items()},
        "deploy": to_json(deploy),
        "left_out": no_deployment(session),
        **(asked if deploy.entry else {}),
    }


def run(session: Session) -> Result:
    """Build, scan, test; then the names that people follow move, and the user's own command gets the image."""
    if reason := no_deployment(session) or _nothing_new(session):
        return skipped(reason)
    version = session.run.outputs("publish", PublishOutputs).model.version
    if newer := deployment.overtaken(session, version):
        return skipped(newer)
    made = make(session)
    tested = smoke(session, made)
    outputs = DeployOutputs(
        model=session.settings.model,
        version=version,
        image=_image(made),
        scan=made.scan,
        smoke=tested.checks,
        device=tested.device,
        ready_seconds=tested.ready_seconds,
        signed_by=made.signed_by,
        sbom=tuple(session.run.file(path) for path in made.sboms),
        command=session.settings.tables.deploy.command,
    )
    return deployment.handed_on(session, outputs, made)


def _nothing_new(session: Session) -> str | None:
    """Why there is no new champion to serve, or None."""
    record = session.run.record("promote")
    if record is None or record.status != "passed":
        return (
            f"nothing was promoted: {record.reason or record.status if record is not None else 'promote has not run'}"
        )
    promoted = session.run.outputs("promote", PromoteOutputs)
    published = session.run.outputs("publish", PublishOutputs)
    if promoted.from_ == promoted.to or promoted.to != published.model.version:
        return f"nothing was promoted: {record.reason or 'the champion stays'}"
    return None


def _image(made: Made) -> DeployedImage:
    return DeployedImage(
        ref=made.image.ref,
        digest=made.image.digest,
        pinned=made.pinned,
        content_key=made.image.content_key,
        variant=made.session.variant,
        built=made.image.built,
        bytes=made.image.bytes,
    )
