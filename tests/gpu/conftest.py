"""The jobs of these tests use a real GPU, whatever hides the machine's from the rest."""

from pathlib import Path

import pytest

from support.guest_fixtures import job, make_job, python_with_torch, zipapp

__all__ = ["job", "make_job", "python_with_torch", "zipapp"]

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder needs a GPU, and they take it in turns."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.gpu)
            item.add_marker(pytest.mark.xdist_group("gpu"))
