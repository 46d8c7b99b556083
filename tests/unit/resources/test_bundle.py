"""Files that travel with the package."""

import pytest

from mlops_ci import resources
from mlops_ci.resources import BundleMissingError


def test_the_checkout_is_used_when_nothing_is_bundled() -> None:
    assert (resources.bundle("images") / "catalogue.toml").is_file()


def test_the_wheels_own_files_win(tmp_path, monkeypatch) -> None:
    (tmp_path / "bundle" / "images").mkdir(parents=True)
    monkeypatch.setattr(resources, "PACKAGE", tmp_path)
    assert resources.bundle("images") == tmp_path / "bundle" / "images"


def test_a_missing_bundle_is_our_fault() -> None:
    with pytest.raises(BundleMissingError) as caught:
        resources.bundle("no-such-folder")
    assert caught.value.exit_code == 70


def test_tables() -> None:
    assert resources.read_toml("engines.toml")
