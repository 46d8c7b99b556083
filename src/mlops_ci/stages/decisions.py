"""What plan decides about later jobs: which are left out, and why. A stage that is left out anyway says the same."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_ci import pipeline
from mlops_ci.images import catalogue
from mlops_ci.images.layers import check_locked
from mlops_ci.orchestrators import fanning, spreading
from mlops_ci.orchestrators.labels import hosted, labels
from mlops_ci.orchestrators.together import ONE_JOB, VARIABLE
from mlops_ci.run import variants
from mlops_ci.settings.runners import RunnerSettings
from mlops_ci.stages.session import Session

DRY_RUN = "MLOPS_CI_DRY_RUN"
ALWAYS = "MLOPS_CI_ALWAYS"
NIGHTLY = "nightly"
NO_ENTRY = "no [deploy] entry"
TRUE = frozenset({"1", "true", "yes"})


def switched_on(session: Session, name: str) -> bool:
    """Whether a switch of the environment is on: CI systems pass on booleans as text."""
    return is_on(session.environ, name)


def is_on(environ: Mapping[str, str], name: str) -> bool:
    """The same, of an environment."""
    return environ.get(name, "").lower() in TRUE


def no_publishing(session: Session) -> str | None:
    """Why this run publishes nothing, or None."""
    if (repeated := session.run.info.reproduces) is not None:
        return f"a reproduction of run {repeated}: nothing is published"
    if (night := session.run.info.beside) is not None:
        other = variants.beside(session.run.id)
        what = "the canary" if other is None else f"only the images for {other.variant}"
        return f"{what} of run {night}: it is never published"
    return "dry run: nothing is published" if switched_on(session, DRY_RUN) else None


def no_promotion(session: Session) -> str | None:
    """Why this run promotes nothing, or None."""
    if reason := no_publishing(session):
        return reason
    return no_memory(session)


def no_deployment(session: Session) -> str | None:
    """Why this run builds no image that serves its model, whatever becomes of that; or None."""
    if session.settings.tables.deploy.entry is None:
        return NO_ENTRY
    if reason := no_promotion(session):
        return reason
    if session.engine.name != "docker":
        what = "starts no container" if session.made_elsewhere else "builds no images"
        return f"the engine {session.engine.name} {what}: nothing was deployed, and nothing tested"
    return None


def no_memory(session: Session) -> str | None:
    """Why no later run could know a champion of this one: on a CI machine the embedded stores end with the job."""
    tables = session.settings.tables
    missing = [
        name
        for name, value in (("[tracking] uri", tables.tracking.uri), ("[publish] store", tables.publish.store))
        if not value
    ]
    if session.provider.local or not missing:
        return None
    return f"no champion memory: {' and '.join(missing)} not configured, and this machine keeps nothing"


def forced(session: Session) -> str | None:
    """Who wants a nightly to run in any case, or None."""
    if session.force:
        return "asked for by --force"
    return f"asked for by {ALWAYS}" if switched_on(session, ALWAYS) else None


def left_out(session: Session, *, trusted: bool, why: str, idle: str | None = None) -> dict[str, str]:
    """Stage to reason, for the stages that no job of this pipeline is to run; `idle` says why there is no work."""
    reasons = dict.fromkeys(_work(), idle) if idle else {}
    if named_nodes(session) == {}:
        reasons |= dict.fromkeys(_work(), fanning.EMPTY)
    if reason := no_publishing(session):
        reasons |= {"publish": reason}
    if reason := no_promotion(session):
        reasons |= {"promote": reason}
    if reason := no_deployment(session):
        reasons |= {"deploy": reason}
    return reasons if trusted else {**reasons, **_untrusted(session, why)}


def named_nodes(session: Session) -> fanning.Nodes | None:
    """The machines that are looked at, each in a job of its own; None where none are named. Raises
    `RunnerLabelError`.
    """
    return fanning.nodes(session.environ.get(fanning.VARIABLE, ""))


def further_builds(session: Session) -> tuple[tuple[str, ...], str]:
    """The builds of PyTorch whose images are made beside, each in a job of its own; or why there are none although
    some are named. Raises `UnknownVariantError`, `ImpossibleVariantError`, `PendingLockError`.
    """
    wanted = session.settings.tables.image.variants
    if not wanted or session.run.info.beside is not None:
        return (), ""
    if not switched_on(session, spreading.VARIABLE):
        return (), f"[image] variants is for build.yml and scan.yml at GitHub: here are the images of {session.variant}"
    before = session.run.record("plan")
    if before is not None and before.done and not before.outputs.get("variants"):
        # Another file began it without them, and made none of their images.
        return (), ""
    if session.image_engine == "inside":
        return (), "[image] variants: the engine inside makes no images"
    series = session.settings.tables.image.torch
    others = tuple(name for name in dict.fromkeys(wanted) if name != session.variant)
    for name in others:
        check_locked(catalogue.load().variant(series, name))
    return others, "" if others else f"[image] variants names no build but {session.variant}, which is this run's own"


def _untrusted(session: Session, why: str) -> dict[str, str]:
    """Code of a fork: no self-hosted runner, no secret, no data."""
    if session.provider.secrets_at_hand():
        return dict.fromkeys(_work(), f"not trusted ({why}), and this event hands secrets to jobs")
    machines = runners(session.settings.tables.runners)
    # Where all of them share a job, that has a GPU and the secrets of them all.
    shared = session.environ.get(VARIABLE) == ONE_JOB
    own = shared or (session.provider.name == "github" and not hosted(machines["cpu"]))
    return {
        stage.name: f"not trusted ({why})" + ("" if not stage.untrusted else ": no self-hosted runner")
        for stage in pipeline.STAGES
        if stage.name in _work() and (own or not stage.untrusted)
    }


def _work() -> tuple[str, ...]:
    """What comes after plan and before report."""
    return pipeline.NAMES[1:-1]


def runners(settings: RunnerSettings, evaluate_on: str = "cpu") -> dict[str, tuple[str, ...]]:
    """The labels of each class of machine, and of the one that evaluates. Raises `RunnerLabelError`."""
    found = {
        "plan": labels(settings.plan, where="[runners] plan"),
        "cpu": labels(settings.cpu, where="[runners] cpu"),
        "gpu": labels(settings.gpu, where="[runners] gpu"),
    }
    return {**found, "evaluate": found["gpu" if evaluate_on == "gpu" else "cpu"]}
