"""A finished run again, from its lineage: its code, settings, image, data and seed, and no publication at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mlops_ci.errors import UncheckedError
from mlops_ci.gates.repeated import (
    Repeated,
    Tolerances,
    repeated_digest,
    repeated_image,
    repeated_metrics,
    repeated_model,
)
from mlops_ci.images.build import build_images
from mlops_ci.records.build import BuildOutputs, BuiltImage
from mlops_ci.records.evaluate import EvaluateOutputs
from mlops_ci.records.record import Record
from mlops_ci.records.train import TrainOutputs
from mlops_ci.run.run import Run
from mlops_ci.stages import build, evaluate, plan, prepare, scores, train, verify
from mlops_ci.stages.extra import recorded
from mlops_ci.stages.result import Result
from mlops_ci.stages.runner import StageCode, run_left_out, run_stage
from mlops_ci.stages.session import Session

LEFT_OUT = ("check", "scan", "publish", "promote", "deploy")
MODEL = "model/"


class NotReproducibleError(UncheckedError):
    """The run cannot be repeated from its lineage."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """What a run made, as far as two runs can be compared."""

    metrics: Mapping[str, float]
    model: Mapping[str, str]
    data: str | None
    layer: str
    image: BuiltImage


def results(run: Run) -> Results:
    """What the run made. Raises `NotReproducibleError` when its training has not come to its end."""
    trained, judged, prepared = run.record("train"), run.record("evaluate"), run.record("prepare")
    if trained is None or not trained.done:
        raise NotReproducibleError(
            f"run {run.id} has no finished training, so that there is nothing to compare with",
            hint="name a run whose training has passed: `mlops-ci runs` lists them",
        )
    outputs, built = run.outputs("train", TrainOutputs), run.outputs("build", BuildOutputs)
    measured = dict(judged.outputs.get("metrics", {})) if judged is not None else {}
    return Results(
        metrics=measured or outputs.metrics,
        model={one.path.rpartition(MODEL)[2]: one.sha256 for one in outputs.model},
        data=prepared.outputs.get("data_digest") if prepared is not None else None,
        layer=built.top,
        image=built.images[built.top],
    )


def check_repeatable(run: Run) -> None:
    """Raise `NotReproducibleError` for a run whose lineage does not hold all that it was made from."""
    lineage = run.info.lineage
    if lineage.commit is None:
        raise NotReproducibleError(f"run {run.id} was made outside of git: no commit holds its code", hint=COMMIT_FIRST)
    if lineage.dirty:
        digest = f" (difference {lineage.diff_sha256[:12]})" if lineage.diff_sha256 else ""
        raise NotReproducibleError(
            f"run {run.id} was made with uncommitted changes{digest}: the commit {lineage.commit[:12]} alone is not "
            "its code, and the changes were not kept",
            hint=COMMIT_FIRST,
        )


COMMIT_FIRST = "commit first, then run: a run of a clean commit can be repeated"


def repeat(session: Session, original: Run, *, adopt: BuildOutputs | None) -> Record | None:
    """Run everything up to the evaluation; the record of the stage that failed, or None.

    The node is asked whether it may train if it was asked then. `adopt` is what the original built, where it is still
    here but would be built from other inputs today.
    """
    why = f"a reproduction of run {original.id}"
    session.warm_tracking()
    codes = {
        "plan": StageCode(inputs=plan.inputs, run=plan.run),
        "build": StageCode(inputs=build.inputs, run=lambda one: _build(one, adopt)),
        "prepare": StageCode(inputs=prepare.inputs, run=prepare.run),
        "verify": StageCode(inputs=verify.inputs, run=verify.run),
        "train": StageCode(inputs=train.inputs, run=train.run),
        "evaluate": StageCode(inputs=evaluate.inputs, run=lambda one: _evaluate(one, why)),
    }
    if original.record("verify") is None:
        del codes["verify"]
    for name, code in codes.items():
        record = run_stage(session, name, code)
        if record.status == "failed":
            return record
    for name in LEFT_OUT:
        run_left_out(session, name, why)
    return None


def _build(session: Session, adopt: BuildOutputs | None) -> Result:
    """The image alone: its SBOM was made, and judged, when the original was built."""
    if adopt is not None:
        return Result(outputs=replace(adopt, sbom=(), contents=(), extra=recorded(session)))
    images, top, warnings = build_images(
        session.resolution.images,
        session.settings,
        engine=session.engine.name,
        variant=session.variant,
        cache=session.workspace.cache,
        console=session.console,
    )
    outputs = BuildOutputs(images=images, top=top, sbom=(), extra=recorded(session))
    return Result(outputs=outputs, warnings=tuple(warnings))


def _evaluate(session: Session, why: str) -> Result:
    """The metrics of the new model: it is compared with the run that it repeats, never with the champion."""
    score = scores.challenger(session)
    outputs = EvaluateOutputs(verdict="keep", champion=None, gates=(), metrics=scores.finite(score), why=why)
    return Result(outputs=outputs)


def compared(before: Results, after: Results, tolerances: Tolerances) -> tuple[Repeated, ...]:
    """Every result of both runs: image, data, model, metrics."""
    metrics = repeated_metrics(before.metrics, after.metrics, tolerances)
    return (
        repeated_image(
            before.layer,
            (before.image.content_key, before.image.digest),
            (after.image.content_key, after.image.digest),
        ),
        repeated_digest("data", "data", before.data, after.data),
        *repeated_model(before.model, after.model, metrics),
        *metrics,
    )
