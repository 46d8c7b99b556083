"""The smoke test of a serving image: what failed names itself, and says how to look closer."""

from __future__ import annotations

from mlops_ci.deploying.container import started
from mlops_ci.deploying.smoke import Smoke, smoke_test
from mlops_ci.errors import GateError, UserCodeError
from mlops_ci.guest import exits
from mlops_ci.images.builder import docker_environment
from mlops_ci.images.lookup import engine_image
from mlops_ci.progress import activity
from mlops_ci.stages.deploy_image import Made
from mlops_ci.stages.session import Session


class SmokeTestError(GateError):
    """A serving image did not answer as it must; no name that people follow was moved to it."""


class ServingCodeError(UserCodeError):
    """The user's serving code could not load the model."""


def smoke(session: Session, made: Made) -> Smoke:
    """Start the image and ask it. Raises `SmokeTestError`, `ServingCodeError`, `ServingContainerError`."""
    facts = engine_image(made.image.ref)
    image = facts.digest if facts is not None else made.image.ref
    port = made.service.port
    memory = session.settings.tables.train.memory
    with activity(session.console, "smoke test"):
        with started(
            image,
            run=session.run.id,
            port=port,
            memory=int(memory) if memory is not None else None,
            environment=docker_environment(),
        ) as container:
            tested = smoke_test(container, made.service, limit=float(session.settings.tables.deploy.start))
            log = container.log() if tested.failed is not None else ()
    for check in tested.checks:
        session.console.say(f"{check.status:<4} {check.id}: {check.why}")
    if tested.failed is not None:
        raise _error(tested, made, tuple(session.console.redactor.clean(line) for line in log))
    return tested


def _error(tested: Smoke, made: Made, log: tuple[str, ...]) -> SmokeTestError | ServingCodeError:
    failed = tested.failed
    assert failed is not None  # noqa: S101  # for the type checker: the caller has looked
    port = made.service.port
    look = f"docker run --rm --read-only --tmpfs /tmp --publish 127.0.0.1:{port}:{port} {made.image.ref}"
    if tested.ended == exits.USER_CODE:
        return ServingCodeError(
            f"the model could not be loaded by {made.service.entry} in the serving image",
            hint=f"the log says why; what it needs beside PyTorch belongs into [deploy] requirements: {look}",
            details=log,
        )
    return SmokeTestError(
        f"the serving image failed its smoke test: {failed.id}: {failed.why}",
        hint=f"nothing was moved to it, what serves now stays; look at it: {look}",
        details=log,
    )
