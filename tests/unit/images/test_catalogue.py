"""The catalogue that travels with the package, and what it says about wrong names."""

import tomllib
from pathlib import Path

import pytest

from mlops_ci.images import catalogue, lockfile
from mlops_ci.images.catalogue import CatalogueError, UnknownLayerError, UnknownTorchError, UnknownVariantError


@pytest.fixture
def known() -> catalogue.Catalogue:
    return catalogue.load()


def test_layers_stand_on_each_other(known: catalogue.Catalogue) -> None:
    assert [layer.name for layer in known.chain("train")] == ["base", "torch", "train"]
    assert [layer.name for layer in known.chain("base")] == ["base"]


def test_every_layer_has_its_files(known: catalogue.Catalogue) -> None:
    for layer in (*known.layers.values(), known.user):
        assert (layer.folder / "Dockerfile").is_file()
        assert all((known.folder / "common" / name).is_file() for name in layer.shared)
        for variant in known.variants:
            lock = layer.lock_file(variant)
            assert lock is None or lock.is_file()


def test_the_base_is_pinned_by_digest(known: catalogue.Catalogue) -> None:
    assert known.base.digest.startswith("sha256:")
    assert len(known.base.digest) == 71


def test_locked_torch_is_the_series_in_the_variants_build(known: catalogue.Catalogue) -> None:
    for variant in known.variants.values():
        lock = known.layers["torch"].lock_file(variant.name)
        assert lock is not None
        pins = {pin.name: pin for pin in lockfile.read(lock)}
        assert str(pins["torch"].version) == known.torch("2.13") + variant.local
        assert not [name for name in pins if name.startswith(("nvidia", "cuda", "triton"))]


def test_upper_locks_agree_with_lower_ones(known: catalogue.Catalogue) -> None:
    lower = known.layers["torch"].lock_file("cpu")
    upper = known.layers["train"].lock_file("cpu")
    assert lower is not None
    assert upper is not None
    below = {(pin.name, str(pin.requirement.marker)): pin.version for pin in lockfile.read(lower)}
    for pin in lockfile.read(upper):
        assert below.get((pin.name, str(pin.requirement.marker)), pin.version) == pin.version


def test_locks_name_no_index(known: catalogue.Catalogue) -> None:
    for lock in [*known.folder.rglob("*.lock"), *known.folder.parent.glob("requirements/*.lock")]:
        text = lock.read_text()
        assert "http" not in text.replace("aiohttp", "").replace("httpx", "").replace("httpcore", ""), lock
        assert "--index" not in text
        assert "--find-links" not in text


def test_mlflow_in_the_image_is_the_release_of_the_tool(known: catalogue.Catalogue) -> None:
    project = tomllib.loads((known.folder.parent / "pyproject.toml").read_text())
    inputs = (known.layers["train"].folder / "requirements.cpu.in").read_text()
    assert project["project"]["optional-dependencies"]["mlflow"][0] in inputs


@pytest.mark.parametrize(("series", "nearest"), [("2.12", "2.13"), ("3.0", "2.13"), ("rubbish", "2.13")])
def test_unknown_series_names_the_nearest(known: catalogue.Catalogue, series: str, nearest: str) -> None:
    with pytest.raises(UnknownTorchError) as caught:
        known.torch(series)
    assert caught.value.exit_code == 2
    assert f"the nearest is `{nearest}`" in caught.value.cause


def test_unknown_layer_and_variant(known: catalogue.Catalogue) -> None:
    with pytest.raises(UnknownLayerError, match="did you mean `train`"):
        known.chain("trian")
    with pytest.raises(UnknownVariantError, match="did you mean `cpu`"):
        known.variant("cpuu")


@pytest.mark.parametrize("text", ["not toml", 'schema = "mlops-ci/catalogue/9"', 'schema = "mlops-ci/catalogue/1"'])
def test_a_broken_catalogue_is_our_fault(tmp_path: Path, text: str) -> None:
    (tmp_path / "catalogue.toml").write_text(text)
    with pytest.raises(CatalogueError) as caught:
        catalogue.load(tmp_path)
    assert caught.value.exit_code == 70
    assert str(tmp_path) in caught.value.cause
