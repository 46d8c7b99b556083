"""Where a bench works: a place of its own each time, or one that MLOPS_CI_BENCH_PLACE names, which is found again.

With a name a long bench can be cut off and called again: what it had measured is kept in its folder.
"""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

VARIABLE = "MLOPS_CI_BENCH_PLACE"


def name() -> str:
    """A part of an image's name."""
    return os.environ.get(VARIABLE) or f"bench-{uuid.uuid4().hex[:8]}"


@contextmanager
def folder(bench: str) -> Iterator[Path]:
    """The folder of a bench; a named place stays, for whoever named it to remove."""
    if os.environ.get(VARIABLE):
        path = Path(tempfile.gettempdir(), f"mlops-ci-bench-{name()}-{bench}")
        path.mkdir(exist_ok=True)
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="mlops-ci-bench-") as made:
        yield Path(made)


def kept(path: Path, work: Callable[[], Any]) -> Any:
    """What the work gave, as JSON has it; done only once in a place."""
    if not path.exists():
        made = json.dumps(work())
        path.with_suffix(".part").write_text(made)
        path.with_suffix(".part").replace(path)
    return json.loads(path.read_text())
