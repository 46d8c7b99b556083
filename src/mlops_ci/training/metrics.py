"""The metrics file across attempts: what a resumed training will log again is dropped before it starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlops_ci.files import write_atomic

POINTER = "latest.json"


def resume_step(checkpoints: Path) -> int | None:
    """The step of the newest checkpoint that the SDK committed, or None when there is none that can be read."""
    try:
        step = json.loads((checkpoints / POINTER).read_text())["step"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return step if isinstance(step, int) else None


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
