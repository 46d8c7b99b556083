"""The stage publish: files to the object store, the manifest last, then the version in the registry as a candidate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_ci.errors import UserCodeError
from mlops_ci.files import regular_files, write_atomic, write_json
from mlops_ci.progress import activity
from mlops_ci.publishing.manifest import NAME, SIGNATURE
from mlops_ci.publishing.publish import Publication, publish
from mlops_ci.records.codec import to_json
from mlops_ci.records.evaluate import EvaluateOutputs
from mlops_ci.records.publish import ModelRef, PublishOutputs
from mlops_ci.records.record import FileRef
from mlops_ci.records.train import TrainOutputs
from mlops_ci.stages import lineage, old_checkpoints
from mlops_ci.stages.champion import MANIFEST_DIGEST_TAG, MANIFEST_TAG
from mlops_ci.stages.decisions import no_publishing
from mlops_ci.stages.jobs import fresh
from mlops_ci.stages.model_signatures import Signing
from mlops_ci.stages.result import Result, skipped
from mlops_ci.stages.session import Session
from mlops_ci.stores.narration import shown
from mlops_ci.tracking.client import Tracker
from mlops_ci.tracking.errors import MetricsLeftOverError
from mlops_ci.tracking.forwarder import Forwarder
from mlops_ci.tracking.registry import ModelRegistry


class NothingToPublishError(UserCodeError):
    """The training left no model."""


def inputs(session: Session) -> Mapping[str, Any]:
    """What was decided, and where it goes."""
    evaluate = session.run.record("evaluate")
    return {
        "evaluate": evaluate.fingerprint if evaluate is not None else None,
        "publish": to_json(session.settings.tables.publish),
        "tracking": session.settings.tables.tracking.uri,
        **_signing(session),
        "left_out": no_publishing(session),
    }


def _signing(session: Session) -> dict[str, Any]:
    """Who is to sign, and whose signature counts; nothing where nobody is named."""
    rule = session.settings.tables.signing
    named = [rule.models, rule.key, rule.keyless, rule.public_key, rule.identity, rule.issuer]
    return {"signing": named} if any(named[1:]) or rule.models == "required" else {}


def run(session: Session) -> Result:
    """Publish everything that the run made; running it again finds the same objects and the same version."""
    if reason := no_publishing(session):
        return skipped(reason)
    trained = session.run.outputs("train", TrainOutputs)
    decided = session.run.outputs("evaluate", EvaluateOutputs)
    if not trained.model:
        raise NothingToPublishError(
            "the training left no model file", hint="save the model as .safetensors or .pt into the outputs folder"
        )
    facts, signing = _provenance(session, trained), Signing(session)
    with activity(session.console, "uploading") as uploading:
        publication = publish(
            session.store,
            model=session.settings.model,
            files=_files(session, trained),
            lineage=facts,
            metrics=dict(decided.metrics),
            evaluation=to_json(decided),
            on_progress=shown(uploading),
            sign=signing,
        )
    session.console.say(
        f"{publication.objects.count} objects in {publication.manifest.store} "
        f"({publication.objects.uploaded} uploaded, {publication.objects.reused} reused)"
    )
    version = _register(session, trained, decided, publication)
    session.console.say(f"registered {session.settings.model} version {version} as a candidate")
    _complete_tracking(session, trained)
    old_checkpoints.forget(session)
    return Result(
        outputs=PublishOutputs(
            model=ModelRef(name=session.settings.model, version=version),
            manifest=publication.manifest,
            objects=publication.objects,
            signature=signing.by,
            signed=_for_promote(session, publication) if signing.by is not None else (),
        )
    )


def _provenance(session: Session, trained: TrainOutputs) -> dict[str, Any]:
    """What the model was made from, and on what: as the training noted it, so that it is the same on any machine."""
    hardware = trained.throughput.hardware if trained.throughput is not None else None
    return {**lineage.facts(session), "devices": list(trained.devices), "hardware": hardware}


def _for_promote(session: Session, publication: Publication) -> tuple[FileRef, FileRef]:
    """The manifest and its signature, as files of the run."""
    manifest = session.run.path("publish", NAME)
    write_atomic(manifest, publication.data)
    return session.run.file(manifest), session.run.file(session.run.path("publish", SIGNATURE))


def _files(session: Session, trained: TrainOutputs) -> list[tuple[str, Path]]:
    """Name in the manifest → file: model, outputs, metrics, SBOM. Files that the record names are checked."""
    for ref in (*trained.model, *trained.artifacts):
        session.run.open(ref)
    train = session.run.path("train")
    named = [(path.relative_to(train).as_posix(), path) for path in regular_files(train / "model")]
    if (train / "outputs").is_dir():
        named += [(path.relative_to(train).as_posix(), path) for path in regular_files(train / "outputs")]
    metrics = train / "job" / "metrics.jsonl"
    if metrics.is_file():
        named.append(("metrics.jsonl", metrics))
    named += [(f"sbom/{path.name}", path) for path in regular_files(session.run.path("sbom"))]
    return named


def _register(session: Session, trained: TrainOutputs, decided: EvaluateOutputs, publication: Publication) -> str:
    """The small files of the registered model: a pointer to the manifest, the lineage, the decision."""
    folder = fresh(session.run.path("publish", "registered"))
    manifest = publication.manifest
    write_json(folder / "pointer.json", to_json(manifest))
    write_json(folder / "lineage.json", _provenance(session, trained))
    write_json(folder / "evaluation.json", to_json(decided))
    return ModelRegistry(session.tracking_uri, session.console.redactor).register(
        session.settings.model,
        run=session.run.id,
        tracking_run_id=trained.tracking.run_id,
        files=folder,
        source_uri=f"{manifest.store}/{manifest.key}",
        tags={
            **lineage.tracking_tags(session),
            MANIFEST_TAG: manifest.key,
            MANIFEST_DIGEST_TAG: manifest.sha256,
            "mlops.verdict": decided.verdict,
            **{f"mlops.metric.{name}": repr(value) for name, value in decided.metrics.items()},
        },
    )


def _complete_tracking(session: Session, trained: TrainOutputs) -> None:
    """Send what the tracking server has not got, if it was down during or after the training."""
    tracker = Tracker(session.tracking_uri, session.console.redactor)
    metrics = session.run.path("train", "job", "metrics.jsonl")
    if metrics.is_file():
        result = Forwarder(tracker, trained.tracking.run_id, metrics).replay()
        if result.missing:
            raise MetricsLeftOverError(
                result.warning or f"{result.missing} metric points are not in MLflow yet",
                hint="run the stage again when MLflow takes them: what is there already is not sent twice",
            )
    tracker.finish(trained.tracking.run_id, "FINISHED")
