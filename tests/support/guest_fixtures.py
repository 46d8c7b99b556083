"""Fixtures for whoever runs the real guest: the zipapp, built once, and jobs for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.guest import bundle
from support.guest_job import TORCH_PYTHON, GuestJob, torch_python, until


@pytest.fixture(scope="session")
def zipapp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guest as it travels."""
    return bundle.build(tmp_path_factory.mktemp("bundle") / "mlops-guest.pyz")


@pytest.fixture
def make_job(zipapp: Path, tmp_path: Path) -> Iterator[Callable[..., GuestJob]]:
    """Makes jobs; at the end none of them may have left anything running."""
    made: list[GuestJob] = []

    def make(**options: Any) -> GuestJob:
        made.append(GuestJob(zipapp, tmp_path / f"job-{len(made) + 1}", **options))
        return made[-1]

    yield make
    for one in made:
        one.end()
    until(lambda: not any(one.running() for one in made))


@pytest.fixture
def job(make_job: Callable[..., GuestJob]) -> GuestJob:
    """One job."""
    return make_job()


@pytest.fixture(scope="session")
def python_with_torch() -> str:
    """An interpreter with torch, NumPy, scikit-learn and pytest."""
    python = torch_python()
    if python is None:
        pytest.skip(f"no torch, NumPy, scikit-learn and pytest here: set {TORCH_PYTHON} to a Python that has them")
    return python
