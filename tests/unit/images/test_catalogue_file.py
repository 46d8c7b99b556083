"""A catalogue that cannot be used says everything that is wrong with it."""

from pathlib import Path

import pytest

from mlops_ci.images import catalogue
from mlops_ci.images.catalogue import CatalogueError
from support.image_projects import copy_catalogue


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the real one."""
    return copy_catalogue(tmp_path / "images")


def change(folder: Path, old: str, new: str) -> None:
    text = (folder / "catalogue.toml").read_text()
    assert old in text
    (folder / "catalogue.toml").write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('[layers.python]\nparent = "base"', '[layers.python]\nparent = "torch"', "python -> torch -> python stand on"),
        ('[layers.vision]\nparent = "torch"', '[layers.vision]\nparent = "torhc"', "'torhc', which is no layer; did"),
        (
            '[layers.vision]\nparent = "torch"',
            "[layers.vision]",
            "exactly one layer has no parent, not 2 (base, vision)",
        ),
        (
            'parent = { cpu = "python",',
            'parent = { cpu = "nvidia",',
            "on 'nvidia' in variants for cpu, where that does",
        ),
        ('parent = { cpu = "python",', 'parent = { gpu = "python",', "a parent for 'gpu', which is neither"),
        ("[layers.nlp]", "[layers.vision]", "vision"),
        ('kind = "cuda"', 'kind = "tpu"', "kind 'tpu', which is neither cpu nor cuda"),
        ('on = ["torch", "vision", "nlp"]', 'parent = "torch"\non = ["vision"]', "both `parent` and `on`"),
        ('"make-venv.sh"', '"make-nothing.sh"', "common/make-nothing.sh, which does not exist"),
        ("[layers.nlp]", "[layers.speech]", "the layer speech has no"),
        ('kind = "cuda"', 'kind = "cuda"\nfiles = ["start.py"]', "the layer nvidia has no"),
        ('layer = "requirements"', 'layer = "train"', "[user] layer 'train' has the name of a layer"),
        ('digest = "sha256:9', 'digest = "sha256:', "is not sha256:... with 64 hex digits"),
        ('compression = "zstd"', 'compression = "lzma"', "[packing] compression 'lzma' is none of zstd, gzip"),
        ("level = ", "level = 4", "[packing] level 4"),
        ('torch = "2.6.0"', 'torch = "2.7.0"', "torch '2.7.0' is not of that series"),
        ('torch = "2.6.0"', 'torch = ">=2.6"', "is no exact version"),
        ('default = "cu124"', 'default = "cu126"', "default 'cu126' is no variant of it"),
        ('version = "12.8"', 'version = "12.9"', "[cuda.cu128] version '12.9' does not fit the name"),
        ('build = "cu124"', 'build = "cu118"', "the variant 2.6-cu118 is there 2 times"),
        ('torch = "2.8"\nbuild = "cu126"', 'torch = "2.8"\nbuild = "cu118"', "2.8-cu118 was never published (upstream"),
        ('build = "cu126"', 'build = "cu127"', "'cu127', which has no table [cuda.cu127]"),
        ('torch = "2.8"\nbuild', 'torch = "2.7"\nbuild', "torch '2.7', which has no table"),
        ("[base]\n", "[bsae]\n", "'base' is missing"),
        ('shared = ["apt-install.sh", "make-user.sh"]', "shraed = []", "shraed"),
        ("mlops-ci/catalogue/2", "mlops-ci/catalogue/9", "expected 'mlops-ci/catalogue/2'"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, old: str, new: str, problem: str) -> None:
    change(folder, old, new)
    with pytest.raises(CatalogueError) as caught:
        catalogue.load(folder)
    assert problem in caught.value.cause
    assert caught.value.exit_code == 70
    assert str(folder) in caught.value.cause


def test_all_problems_are_named_at_once(folder: Path) -> None:
    change(folder, 'version = "12.8"', 'version = "12.9"')
    change(folder, 'kind = "cuda"', 'kind = "tpu"')
    with pytest.raises(CatalogueError, match=r"kind 'tpu'.*'12.9' does not fit"):
        catalogue.load(folder)


def test_a_missing_lock_is_no_pending_one(folder: Path) -> None:
    (folder / "train" / "requirements.2.13-cpu.lock").unlink()
    with pytest.raises(CatalogueError, match=r"is missing, and the variant 2\.13-cpu is not marked as pending"):
        catalogue.load(folder)


def test_no_catalogue(tmp_path: Path) -> None:
    (tmp_path / "catalogue.toml").write_text("not toml")
    with pytest.raises(CatalogueError):
        catalogue.load(tmp_path)
    with pytest.raises(CatalogueError):
        catalogue.load(tmp_path / "none")
