"""The metrics file while a training runs, and across its attempts."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlops_ci.files import write_atomic
from mlops_ci.guest.spool import SpoolReader

POINTER = "latest.json"
# More metrics than this make a line that nobody reads.
MOST_SHOWN = 4


class LatestMetrics:
    """Calling it gives the newest step and values in words; what cannot be read is left out."""

    def __init__(self, path: Path) -> None:
        self._reader = SpoolReader(path)
        self._step: int | None = None

    def __call__(self) -> str:
        """Such as `step 6, loss 0.0312, accuracy 0.98`; empty before the first point."""
        with suppress(OSError):
            for point in self._reader.all():
                self._step = point.step
        if self._step is None:
            return ""
        values = [f"{name} {value:.4g}" for name, value in self._reader.latest.items()]
        return ", ".join([f"step {self._step}", *values[:MOST_SHOWN]])


def resume_step(checkpoints: Path) -> int | None:
    """The step of the newest checkpoint that the SDK committed, or None when there is none that can be read."""
    try:
        step = json.loads((checkpoints / POINTER).read_text())["step"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return step if isinstance(step, int) else None


def set_aside(checkpoints: Path) -> None:
    """Keep checkpoints that cannot be loaded under another name, so that the next attempt begins without any."""
    if checkpoints.is_dir():
        taken = sum(1 for _ in checkpoints.parent.glob(f"{checkpoints.name}.unusable-*"))
        checkpoints.rename(checkpoints.with_name(f"{checkpoints.name}.unusable-{taken + 1}"))


def drop_after(path: Path, step: int | None) -> int:
    """Keep only the points up to `step` (none at all for None), whole lines only; returns how many lines remain."""
    if not path.exists():
        return 0
    kept = [line for line in path.read_bytes().split(b"\n") if step is not None and _step_of(line, step + 1) <= step]
    write_atomic(path, b"".join(line + b"\n" for line in kept))
    return len(kept)


def _step_of(line: bytes, default: int) -> int:
    """The line's step; garbage counts as later, so that it goes."""
    try:
        data: Any = json.loads(line)
        step = data["step"]
    except (ValueError, KeyError, TypeError):
        return default
    return step if isinstance(step, int) else default
