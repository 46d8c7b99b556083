"""The one graph. Every orchestrator's files, the CLI, nox and the docs are made from `STAGES`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Runner = Literal["plan", "cpu", "gpu"]
Secret = Literal["registry", "signing", "store", "tracking", "channels", "ping", "database"]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of the pipeline.

    `needs` are the stages whose records must be passed or skipped. `runner` is the class of machine. `retry` says which
    exit codes the orchestrator may retry: on the same runner (10), on another node (11), resuming (12). `permissions`
    are the CI job's beyond reading the repository. `secrets` are the credentials that it needs: to pull or push images,
    to sign them, to reach the object store, to reach the tracking server; called files add those of who is told.
    `untrusted` says that it may also run for code of a fork: on a hosted runner, without a secret. `guarded` stages
    wait for a person where the CI system can ask one, and are not interrupted. `session` is the nox session that runs
    the stage.
    """

    name: str
    summary: str
    needs: tuple[str, ...]
    runner: Runner
    session: Literal["build", "verify", "train"]
    retry: tuple[int, ...] = (10,)
    permissions: tuple[str, ...] = ()
    secrets: tuple[Secret, ...] = ()
    untrusted: bool = False
    guarded: bool = False
    always: bool = False


STAGES: tuple[Stage, ...] = (
    Stage(
        name="plan",
        summary="resolve images, keys, data, trust and the runner, and print it",
        needs=(),
        runner="plan",
        session="build",
        permissions=("packages: read",),
        secrets=("registry", "store"),
        untrusted=True,
    ),
    Stage(
        name="build",
        summary="build the images that do not exist yet, and their SBOM",
        needs=("plan",),
        runner="cpu",
        session="build",
        permissions=("packages: write",),
        secrets=("registry", "signing"),
        untrusted=True,
    ),
    Stage(
        name="check",
        summary="run your lint and unit tests in the image's environment",
        needs=("build",),
        runner="cpu",
        session="build",
        permissions=("packages: read",),
        secrets=("registry",),
        untrusted=True,
    ),
    Stage(
        name="scan",
        summary="vulnerabilities, secrets and misconfiguration against the policy",
        needs=("build",),
        runner="cpu",
        session="verify",
        untrusted=True,
    ),
    Stage(
        name="prepare",
        summary="fetch the data by digest, cache it, preprocess it",
        needs=("build", "check"),
        runner="cpu",
        session="verify",
        permissions=("packages: read",),
        secrets=("registry", "store"),
    ),
    Stage(
        name="verify",
        summary="may this node train in this image?",
        needs=("scan", "prepare"),
        runner="gpu",
        session="verify",
        retry=(10, 11),
        permissions=("packages: read",),
        secrets=("registry",),
    ),
    Stage(
        name="train",
        summary="run your training command",
        needs=("verify",),
        runner="gpu",
        session="train",
        retry=(10, 11, 12),
        permissions=("packages: read",),
        secrets=("registry", "store", "tracking"),
    ),
    Stage(
        name="evaluate",
        summary="compare the new model with the champion",
        needs=("train",),
        runner="cpu",
        session="train",
        permissions=("packages: read",),
        secrets=("registry", "store", "tracking"),
    ),
    Stage(
        name="publish",
        summary="upload the artifacts and register the candidate",
        needs=("evaluate",),
        runner="cpu",
        session="train",
        permissions=("id-token: write",),
        secrets=("store", "tracking", "signing"),
    ),
    Stage(
        name="promote",
        summary="move the champion alias",
        needs=("publish",),
        runner="cpu",
        session="train",
        secrets=("tracking",),
        guarded=True,
    ),
    Stage(
        name="deploy",
        summary="build, scan and smoke-test an image that serves the new champion",
        needs=("promote",),
        runner="cpu",
        session="train",
        permissions=("packages: write", "id-token: write"),
        secrets=("registry", "signing", "store", "tracking"),
        guarded=True,
    ),
    Stage(
        name="report",
        summary="say on one page what happened",
        needs=("deploy",),
        runner="plan",
        session="train",
        untrusted=True,
        always=True,
    ),
)

NAMES: tuple[str, ...] = tuple(stage.name for stage in STAGES)


def stage(name: str) -> Stage:
    """The stage of that name; raises `KeyError` for another."""
    return STAGES[NAMES.index(name)] if name in NAMES else _unknown(name)


def with_needs(names: tuple[str, ...]) -> tuple[str, ...]:
    """The named stages and everything that they need, in pipeline order."""
    wanted: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in wanted:
            wanted.add(name)
            pending.extend(stage(name).needs)
    return tuple(name for name in NAMES if name in wanted)


def session_stages(session: str) -> tuple[str, ...]:
    """The stages that a nox session runs, in pipeline order."""
    return tuple(one.name for one in STAGES if one.session == session)


def _unknown(name: str) -> Stage:
    raise KeyError(name)
