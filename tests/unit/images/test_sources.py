"""Where packages come from: the settings, else pip's own configuration."""

from pathlib import Path

import pytest

from mlops_ci.images import catalogue, lockfile, pip_configuration, sources
from mlops_ci.images.sources import CaBundleMissingError
from mlops_ci.settings.mirrors import MirrorSettings
from support.image_projects import locked, write_wheel


@pytest.fixture
def pip_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pip's user configuration, and nothing else, from a file of this test."""
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "pip.conf"


def package_sources(root: Path, **settings: object) -> sources.PackageSources:
    return sources.package_sources(MirrorSettings(**settings), catalogue.load().variants["2.13-cpu"], root=root)


def test_pip_files_then_variables(pip_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip_files.write_text(
        "[global]\nindex-url = https://one.invalid/simple\nextra-index-url =\n  https://a.invalid\n  https://b.invalid\n"
        "[install]\nindex-url = https://two.invalid/simple\n"
    )
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels https://page.invalid/x")
    found = pip_configuration.read()
    assert found.index == "https://two.invalid/simple"
    assert found.extra_indexes == ("https://a.invalid", "https://b.invalid")
    assert found.find_links == ("/wheels", "https://page.invalid/x")


def test_dev_null_switches_files_off() -> None:
    assert pip_configuration.configuration_files({"PIP_CONFIG_FILE": "/dev/null", "HOME": "/x"}) == ()


def test_a_broken_pip_file_is_passed_over(pip_files: Path) -> None:
    pip_files.write_text("no section\n")
    assert pip_configuration.read() == pip_configuration.PipConfiguration()


def test_without_mirrors_pips_configuration_counts(pip_files: Path, tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    pip_files.write_text(
        f"[global]\nindex-url = https://u:hunter22@one.invalid/simple\nfind-links = file://{tmp_path}/wheels https://p.invalid\n"
    )
    found = package_sources(tmp_path)
    assert found.index == "https://u:hunter22@one.invalid/simple"
    assert found.folders == (tmp_path / "wheels",)
    assert found.pages == ("https://p.invalid",)
    assert found.secrets() == ("hunter22",)
    assert found.torch_index == catalogue.load().variants["2.13-cpu"].index
    assert not found.configured


def test_a_configured_index_replaces_pips_configuration(pip_files: Path, tmp_path: Path) -> None:
    pip_files.write_text("[global]\nextra-index-url = https://one.invalid\nfind-links = /elsewhere\n")
    (tmp_path / "wheels").mkdir()
    found = package_sources(
        tmp_path, index="https://m.invalid", find_links=("wheels",), torch_index="https://t.invalid"
    )
    assert (found.index, found.extra_indexes, found.torch_index) == ("https://m.invalid", (), "https://t.invalid")
    assert found.folders == (tmp_path / "wheels",)
    assert found.configured


def test_a_missing_ca_bundle_is_said(tmp_path: Path) -> None:
    with pytest.raises(CaBundleMissingError, match=r"ca\.pem does not exist") as caught:
        package_sources(tmp_path, ca_bundle="ca.pem")
    assert caught.value.exit_code == 3


def test_local_archives_are_taken_by_version_and_hash(tmp_path: Path) -> None:
    folder = tmp_path / "wheels"
    good = write_wheel(folder, "good", "1.0", files={"good.py": ""})
    write_wheel(folder, "good", "2.0", files={"good.py": ""})
    other = write_wheel(folder, "other", "1.0", files={"other.py": ""})
    (folder / "notes.txt").write_text("x")
    (folder / "strange.whl").write_text("x")
    lock = tmp_path / "x.lock"
    lock.write_text(locked(good) + f"other==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    assert sources.locked_archives([folder], lockfile.read(lock)) == (good,)
    assert other in sources.other_archives([folder], without=["good"])
    assert good not in sources.other_archives([folder], without=["good"])
