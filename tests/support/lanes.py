"""Which tests stay together when a session runs on several processes (pytest-xdist).

Whole runs and integration tests share what their module set up, so a module stays on one process. The tests of images
come one after another: some of them move the tags of layers that all projects of an engine share. Unit tests go
wherever there is room, those of a module together: what one of them has read or rendered, the others find.

A scheduler of our own, since pytest-xdist's groups have no effect with pytest 9.2: it sets the id of a test by an
attribute that is no longer there.
"""

from __future__ import annotations

from typing import Any

import pytest

UNIT = "tests/unit/"
IMAGES = "images"
OF_IMAGES = ("tests/integration/images/", "tests/integration/mirroring/", "tests/integration/scanning/test_image.py")
# Builds the whole tree and moves nothing: a lane of its own, since it takes longest.
TREE = "tests/integration/images/test_tree.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Unit tests last: each is short, so at the end no process waits long for another."""
    items.sort(key=lambda item: item.nodeid.startswith(UNIT))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out groups of tests, in the order in which they were collected."""
    from xdist.scheduler import LoadScopeScheduling

    class Lanes(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return Lanes(config, log)


def group_of(nodeid: str) -> str:
    """The group of a test: its module, but for the tests of images."""
    path = nodeid.partition("::")[0]
    return IMAGES if path.startswith(OF_IMAGES) and path != TREE else path
