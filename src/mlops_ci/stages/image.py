"""The image that jobs run in, on this machine: another job of the same pipeline may have built it on another one."""

from __future__ import annotations

from mlops_ci.engines.absent import AbsentDocker
from mlops_ci.engines.inside_image import DIGEST_VARIABLE, told_digest
from mlops_ci.errors import UsageError
from mlops_ci.images.build import build_images
from mlops_ci.images.lookup import engine_image, image_lookup
from mlops_ci.images.transfer import pull
from mlops_ci.records.build import BuildOutputs
from mlops_ci.stages import signed
from mlops_ci.stages.session import Session


class ImageNotToldError(UsageError):
    """A job is for an image that the run has built, and runs in one that nobody named."""


def image(session: Session, stage: str = "") -> str:
    """The image that was built and that a job of `stage` may run, after a look whether it is here, and is signed.

    Raises unless it has the signature that the settings ask for.
    """
    ref = _here(session, stage)
    return signed.checked(session, ref) if signed.asked(session.settings.tables.signing, stage) else ref


def _here(session: Session, stage: str) -> str:
    """The reference of the image that was built.

    What is not here is pulled from the registry where there is one, else built once more from the same inputs: the same
    content key means the same image.
    """
    if isinstance(session.engine, AbsentDocker):
        session.engine.refuse(stage or "this stage")
    built = session.run.outputs("build", BuildOutputs)
    record, planned = built.images[built.top], session.resolution.top
    if session.made_elsewhere and session.engine.name == "inside":
        return _around_us(session, f"{record.ref}@{record.digest}")
    if planned.content_key != record.content_key:
        # A stage that is run again by name, beside a build of other inputs: what was built is what runs.
        return record.ref
    if session.engine.name == "inside" or _is_here(session, planned.ref):
        return planned.ref
    session.console.say(
        f"image {planned.name} is not on this machine: getting it again (key {planned.content_key[:12]})"
    )
    images, top, _ = build_images(
        session.resolution.images,
        session.settings,
        engine=session.engine.name,
        variant=session.variant,
        cache=session.workspace.cache,
        console=session.console,
    )
    here = images[top]
    if session.made_elsewhere:
        pull(here.ref, session.console)
    if here.digest != record.digest:
        session.console.annotate(
            "warning",
            "another image of the same key",
            f"{here.ref} was built again on this machine and has another digest than the one that was scanned: a "
            "registry ([image] registry) hands the very same image on",
        )
    return here.ref


def _around_us(session: Session, ref: str) -> str:
    """The image that jobs of this run are for, which this process must be told that it runs in.

    Which one that is the engine compares when a job starts.
    """
    if not told_digest(session.environ):
        raise ImageNotToldError(
            f"this run's jobs are for the image {ref}, and nobody said which image this process runs in",
            hint=f"start the job in that image, with {DIGEST_VARIABLE} set to its digest",
        )
    return ref


def _is_here(session: Session, ref: str) -> bool:
    if session.engine.name == "docker":
        return engine_image(ref) is not None
    lookup = image_lookup(session.settings, engine=session.engine.name, workspace=session.workspace.cache)
    return lookup(ref) is not None
