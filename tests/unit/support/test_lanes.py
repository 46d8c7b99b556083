"""Tests that share something costly, or that disturb each other, are one group."""

import pytest

from support.lanes import IMAGES, group_of


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/unit/run/test_run.py::test_x[a]", "tests/unit/run/test_run.py"),
        ("tests/integration/engines/test_kills.py::test_x[docker]", "tests/integration/engines/test_kills.py"),
        ("tests/integration/images/test_kills.py::test_x", IMAGES),
        ("tests/integration/scanning/test_image.py::test_x", IMAGES),
        ("tests/integration/images/test_tree.py::test_x", "tests/integration/images/test_tree.py"),
        ("tests/e2e/test_pipeline.py::test_x[docker]", "tests/e2e/test_pipeline.py"),
        ("tests/e2e/test_pipeline.py::test_x[host]", "tests/e2e/test_pipeline.py"),
        ("tests/e2e/test_nox_sessions.py::test_x", "tests/e2e/test_nox_sessions.py"),
    ],
)
def test_the_group_of_a_test(nodeid, group):
    assert group_of(nodeid) == group
