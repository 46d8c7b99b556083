"""The driver's own program, which hangs when the driver does: who has waited for it in vain does not ask again."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_ci import process
from mlops_ci.errors import MlopsError

PATIENCE = 10.0
"""Seconds; without persistence mode eight GPUs may need most of them."""

GRACE = 1.0


@dataclass
class Silence:
    """For how many seconds this process has waited in vain; 0 where it always answered."""

    seconds: float = 0.0


_silence = Silence()


def ask(*arguments: str) -> str | None:
    """What it answers; None where it is not installed, fails, or hangs."""
    if _silence.seconds:
        return None
    try:
        answer = process.run(["nvidia-smi", *arguments], timeout=PATIENCE, grace=GRACE, check=False)
    except MlopsError:
        return None
    if answer.timed_out:
        _silence.seconds = answer.seconds
    return answer.stdout if answer.exit_code == 0 and not answer.timed_out else None


def waited() -> float:
    """Seconds for which this process has waited for a program that hung; 0 where none did."""
    return _silence.seconds
