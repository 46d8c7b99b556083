"""What becomes of a serving image that passed: its names, the user's own deployment, what the registry remembers."""

from __future__ import annotations

import shlex
from dataclasses import replace

from mlops_ci import process
from mlops_ci.errors import UserCodeError
from mlops_ci.images import transfer
from mlops_ci.images.lookup import configured_ca_bundle, engine_image
from mlops_ci.records.deploy import DeployOutputs
from mlops_ci.registry.client import Registry
from mlops_ci.registry.reference import repository
from mlops_ci.run.clock import now, stamp
from mlops_ci.stages.champion import IMAGE_DIGEST_TAG, IMAGE_TAG
from mlops_ci.stages.deploy_image import Made
from mlops_ci.stages.premises import promotion_lock
from mlops_ci.stages.result import Result, skipped
from mlops_ci.stages.scan import NOT_SCANNED
from mlops_ci.stages.session import Session
from mlops_ci.tracking.registry import ModelRegistry

CURRENT = "current"
AT_TAG = "mlops.served_at"
# What a command needs to find its own programs and settings; secrets are named in [deploy] secrets.
PASSED_ON = (
    "PATH", "HOME", "LANG", "TMPDIR", "DOCKER_HOST", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy",
    "https_proxy", "no_proxy", "SSL_CERT_FILE",
)  # fmt: skip
LIMIT = 1800.0


class DeployCommandError(UserCodeError):
    """`[deploy] command` failed: the image was tested, and does not count as deployed."""


def overtaken(session: Session, version: str) -> str | None:
    """Why this version is not the one to serve any more, or None."""
    model = session.settings.model
    champion = ModelRegistry(session.tracking_uri, session.console.redactor).champion(model)
    if champion is not None and champion.version == version:
        return None
    now_it_is = f"version {champion.version}" if champion is not None else "none"
    return f"the champion of {model} is {now_it_is} by now: version {version} is not served"


def handed_on(session: Session, outputs: DeployOutputs, made: Made) -> Result:
    """Name the image after its version, run the command, and move `current` last: a kill before that moves nothing."""
    own = f"v{outputs.version}"
    tag(made, own, session)
    _command(session, outputs)
    registry = ModelRegistry(session.tracking_uri, session.console.redactor)
    with promotion_lock(session.workspace):
        if newer := overtaken(session, outputs.version):
            return skipped(newer, outputs=outputs)
        noted = {IMAGE_TAG: made.pinned, IMAGE_DIGEST_TAG: made.image.digest, AT_TAG: stamp(now())}
        registry.note(outputs.model, outputs.version, noted)
        tag(made, CURRENT, session)
    names = tuple(f"{repository(made.image.ref)}:{name}" for name in (own, CURRENT))
    session.console.say(f"{outputs.model} version {outputs.version} is served by {made.pinned} ({', '.join(names)})")
    return Result(
        outputs=replace(outputs, image=replace(outputs.image, tags=names)),
        warnings=(f"serving image: {NOT_SCANNED}",) if made.scan.verdict == "not-scanned" else (),
    )


def tag(made: Made, name: str, session: Session) -> None:
    """Give the image another name: in its registry, where there is one, and in the engine."""
    full = f"{repository(made.image.ref)}:{name}"
    if made.session.settings.tables.image.registry:
        registry = Registry(ca_bundle=configured_ca_bundle(session.settings))
        registry.tag(f"{made.image.ref}@{made.image.digest}", name)
    here = engine_image(made.image.ref)
    if here is not None:
        transfer.alias(here.digest, full, here.digest, session.console)


def _command(session: Session, outputs: DeployOutputs) -> None:
    """Hand the image to the user's own deployment. Raises `DeployCommandError`."""
    deploy = session.settings.tables.deploy
    if deploy.command is None:
        return
    given = {name: session.environ[name] for name in (*PASSED_ON, *deploy.secrets) if name in session.environ}
    finished = process.run(
        [word.replace("{image}", outputs.image.pinned) for word in shlex.split(deploy.command)],
        cwd=session.settings.root,
        environment={
            **given,
            "MLOPS_IMAGE": outputs.image.pinned,
            "MLOPS_IMAGE_DIGEST": outputs.image.digest,
            "MLOPS_MODEL_NAME": outputs.model,
            "MLOPS_MODEL_VERSION": outputs.version,
            "MLOPS_RUN_ID": session.run.id,
        },
        timeout=LIMIT,
        on_line=session.console.output,
        redactor=session.console.redactor,
        echo=session.console.output,
        check=False,
        leashed=True,
    )
    if finished.exit_code != 0:
        how = f"did not end within {LIMIT:.0f} s" if finished.timed_out else f"ended with {finished.exit_code}"
        raise DeployCommandError(
            f"[deploy] command {how}; the image {outputs.image.pinned} was tested, and `{CURRENT}` was not moved to it",
            hint="correct it, and run the stage again: the image is not built twice",
            details=finished.tail(20),
        )
