"""The metrics file while a training runs, and across its attempts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mlops_ci.guest.files import write_pieces
from mlops_ci.guest.spool import BadLineError, Point, SpoolReader, parse_line

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
    """Keep only the points up to `step` (none at all for None), whole lines only; returns how many lines remain.

    A line without a step has that of its place, as everybody who reads the file counts.
    """
    if not path.exists():
        return 0
    counts: dict[str, int] = {}
    last = -1 if step is None else step
    kept = 0

    def lines() -> Iterator[bytes]:
        nonlocal kept
        with path.open("rb") as stream:
            for line in stream:
                point = _point(line, counts)
                if point is None or point.step > last:
                    continue
                counts.update({name: counts.get(name, 0) + 1 for name in point.values})
                kept += 1
                yield line if line.endswith(b"\n") else line + b"\n"

    write_pieces(path, lines())
    return kept


def _point(line: bytes, counts: dict[str, int]) -> Point | None:
    try:
        return parse_line(line, counts)
    except BadLineError:
        return None
