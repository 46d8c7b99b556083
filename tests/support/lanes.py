"""Which tests stay together when a session runs on several processes (pytest-xdist, `--dist loadgroup`).

Whole runs and integration tests share what their module set up, so a module stays on one process. Whoever builds images
does so one after another: some of these tests move the tags of layers that all projects of an engine share. Unit tests
go wherever there is room.
"""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
IMAGES = "images"
BUILDS_IMAGES = ("integration/images/", "integration/scanning/test_image.py", "e2e/test_nox_sessions.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark every test with its group, before pytest-xdist reads the marks."""
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        group = group_of(item)
        if group is not None and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(group))


def group_of(item: pytest.Item) -> str | None:
    """The group of a test, None for one that needs no company."""
    name = item.path.relative_to(TESTS).as_posix() if item.path.is_relative_to(TESTS) else "unit/"
    if name.startswith("unit/"):
        return None
    parameters = getattr(item, "callspec", None)
    with_docker = name.startswith("e2e/") and parameters is not None and parameters.params.get("engine") == "docker"
    return IMAGES if with_docker or name.startswith(BUILDS_IMAGES) else name
