"""The version, also of a checkout that nobody has installed."""

from __future__ import annotations

import pytest

from mlops_ci.version import PYPROJECT, UNKNOWN, of_checkout, version


def test_a_checkout_has_the_version_that_it_would_be_installed_with():
    assert of_checkout(PYPROJECT) == version()


@pytest.mark.parametrize("text", [None, "", "[project]", "no toml"])
def test_a_copy_of_the_package_alone_has_none(tmp_path, text):
    path = tmp_path / "pyproject.toml"
    if text is not None:
        path.write_text(text)
    assert of_checkout(path) == UNKNOWN
