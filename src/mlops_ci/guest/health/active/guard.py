"""What an exception within a check means: a finding too, or something that could not be observed."""

from __future__ import annotations

from collections.abc import Callable

from mlops_ci.guest.health.check import BLOCK, SKIP, Check

UNSUPPORTED = ("not implemented", "not supported", "not_supported", "unsupported", "only supported on")
WRONG_BUILD = ("no kernel image", "unsupported toolchain", "provided ptx", "driver version is insufficient")
NO_MEMORY = ("out of memory", "can't allocate memory", "alloc_failed")
SICK = "Run on another node, and have this device looked at."


def guarded(name: str, action: Callable[[], Check]) -> list[Check]:
    """The check that `action` gives, or the one that says why it gave none."""
    return guarded_all(name, lambda: [action()])


def guarded_all(name: str, action: Callable[[], list[Check]]) -> list[Check]:
    """As `guarded`, for an action that gives several checks."""
    try:
        return action()
    except Exception as error:
        return [failed(name, error)]


def failed(name: str, error: Exception) -> Check:
    """SKIP where torch cannot do this here at all; BLOCK where the device did not do what it was given."""
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    lowered = said.lower()
    if isinstance(error, MemoryError) or any(word in lowered for word in NO_MEMORY):
        advice = "End what holds this device's memory, or run on another node."
        return Check(name, BLOCK, cause=f"out of memory: {said}", advice=advice, node=True)
    if any(word in lowered for word in WRONG_BUILD):
        advice = "Take a variant of the image whose torch is built for this GPU and driver ([image] variant)."
        return Check(name, BLOCK, cause=f"this torch cannot compute on this GPU: {said}", advice=advice)
    if isinstance(error, NotImplementedError) or any(word in lowered for word in UNSUPPORTED):
        return Check(name, SKIP, cause=f"torch cannot do this on this device: {said}")
    cause = f"the device did not do its work: {type(error).__name__}: {said}"
    return Check(name, BLOCK, cause=cause, advice=SICK, node=True)
