"""Which tests stay together when a session runs on several processes (pytest-xdist, `--dist loadgroup`).

Whole runs and integration tests share what their module set up, so a module stays on one process; images are built once
a session, so that folder does. Unit tests go wherever there is room.
"""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
TOGETHER = ("integration/images",)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark every test with its group, before pytest-xdist reads the marks."""
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        group = group_of(item.path)
        if group is not None and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(group))


def group_of(path: Path) -> str | None:
    """The group of the tests in a file, None for tests that need no company."""
    if not path.is_relative_to(TESTS):
        return None
    name = path.relative_to(TESTS).as_posix()
    if name.startswith("unit/"):
        return None
    return next((folder for folder in TOGETHER if name.startswith(f"{folder}/")), name)
