"""The catalogue that travels with the package, and what it says about wrong names."""

import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mlops_ci.images import catalogue, lockfile
from mlops_ci.images.catalogue import UnknownLayerError, UnknownTorchError, UnknownVariantError


@pytest.fixture
def known() -> catalogue.Catalogue:
    return catalogue.load()


def names(product: catalogue.Product) -> list[str]:
    return [layer.name for layer in product.layers]


def test_layers_stand_on_each_other(known: catalogue.Catalogue) -> None:
    assert names(known.product("train", "cpu")) == ["base", "python", "torch", "train"]
    assert names(known.product("train", "cuda")) == ["base", "python", "nvidia", "torch", "train"]
    assert names(known.product("base", "cpu")) == ["base"]


def test_the_upper_layers_stand_on_what_the_settings_choose(known: catalogue.Catalogue) -> None:
    on_vision = known.product("vision+dev", "cpu")
    assert names(on_vision) == ["base", "python", "torch", "vision", "dev"]
    assert on_vision.images[-1] == "vision-dev"
    usual = known.product("torch+train", "cpu")
    assert usual.images[-1] == known.product("train", "cpu").images[-1] == "train"
    for name in known.products("cuda"):
        assert names(known.product(name, "cuda"))[0] == "base"


def test_every_product_has_an_image_of_its_own(known: catalogue.Catalogue) -> None:
    images = [known.product(name, "cuda").images[-1] for name in known.products("cuda")]
    assert len(set(images)) == len(images)


def test_the_variants_that_users_ask_for_are_there(known: catalogue.Catalogue) -> None:
    assert {f"{series}-cpu" for series in known.releases} <= set(known.variants)
    wanted = "2.6-cu118 2.6-cu124 2.8-cu126 2.8-cu128 2.9-cu126 2.9-cu128 2.9-cu130 2.9-cpu 2.13-cpu 2.15-cu132"
    assert set(wanted.split()) <= set(known.variants)


def test_every_variant_is_whole_or_says_why_not(known: catalogue.Catalogue) -> None:
    for variant in known.variants.values():
        layers = [layer for layer in known.layers.values() if layer.kind in (None, variant.kind)]
        there = [path.is_file() for layer in layers if (path := layer.lock_file(variant))]
        assert all(there) if variant.pending is None else not any(there), variant.id
        if variant.pending:
            assert variant.index in variant.pending


def test_locks_of_a_variant_hold_its_pins(known: catalogue.Catalogue) -> None:
    for variant in known.variants.values():
        if variant.pending:
            continue
        found = _pins(known, variant)
        for name, version in variant.pins.items():
            lacking = any(name in text for what in known.lacks.values() for text in what) and variant.name == "cpu"
            assert found.get(name) == (None if lacking and name != "torch" else version), (variant.id, name)


def _pins(known: catalogue.Catalogue, variant: catalogue.Variant) -> dict[str, str]:
    found = {}
    for layer in known.layers.values():
        path = layer.lock_file(variant)
        if path is not None and layer.kind in (None, variant.kind):
            found |= {pin.name: str(pin.version) for pin in lockfile.read(path)}
    return found


def test_only_the_layer_nvidia_holds_libraries_of_cuda(known: catalogue.Catalogue) -> None:
    for variant in known.variants.values():
        if variant.pending:
            continue
        for layer in known.layers.values():
            path = layer.lock_file(variant)
            if path is not None and layer.kind in (None, variant.kind):
                cuda = [pin.name for pin in lockfile.read(path) if pin.name.startswith(("nvidia-c", "cuda-"))]
                assert bool(cuda) is (layer.name in ("nvidia", "devel")), (variant.id, layer.name, cuda)


def test_devel_has_the_compiler_of_pytorchs_own_cuda_or_says_why_not(known: catalogue.Catalogue) -> None:
    devel = known.layers["devel"]
    for variant in (one for one in known.variants.values() if one.cuda and not one.pending):
        path = devel.lock_file(variant)
        found = {} if path is None else {pin.name: str(pin.version) for pin in lockfile.read(path)}
        assert ("nvidia-cuda-nvcc" in found) is not bool(devel.lacking(variant)), variant.id
        if variant.cuda and "nvidia-cuda-nvcc" in found:
            assert found["nvidia-cuda-nvcc"].startswith(f"{variant.cuda.version}."), variant.id
    assert devel.lacking(known.variants["2.13-cpu"]) == ()


def test_upper_locks_agree_with_lower_ones(known: catalogue.Catalogue) -> None:
    for variant in known.variants.values():
        if variant.pending:
            continue
        below: dict[tuple[str, str], object] = {}
        for layer in known.layers.values():
            path = layer.lock_file(variant)
            if path is None or layer.kind not in (None, variant.kind):
                continue
            for pin in lockfile.read(path):
                name = (pin.name, str(pin.requirement.marker))
                assert below.setdefault(name, pin.version) == pin.version, (variant.id, layer.name, pin.name)


def test_the_base_is_pinned_by_digest(known: catalogue.Catalogue) -> None:
    assert known.base.digest.startswith("sha256:")
    assert len(known.base.digest) == 71


def test_locks_name_no_index(known: catalogue.Catalogue) -> None:
    for lock in [*known.folder.rglob("*.lock"), *known.folder.parent.glob("requirements/*.lock")]:
        text = lock.read_text()
        assert "http" not in text.replace("aiohttp", "").replace("httpx", "").replace("httpcore", ""), lock
        assert "--index" not in text
        assert "--find-links" not in text


def test_mlflow_in_the_image_is_the_release_of_the_tool(known: catalogue.Catalogue) -> None:
    project = tomllib.loads((known.folder.parent / "pyproject.toml").read_text())
    inputs = (known.layers["train"].folder / "requirements.in").read_text()
    assert project["project"]["optional-dependencies"]["mlflow"][0] in inputs


@pytest.mark.parametrize(
    ("series", "nearest"), [("2.12", "2.13"), ("3.0", "2.6"), ("2.7", "2.6"), ("rubbish", "2.6"), ("2.9.0", "2.9")]
)
def test_unknown_series_names_the_nearest(known: catalogue.Catalogue, series: str, nearest: str) -> None:
    with pytest.raises(UnknownTorchError) as caught:
        known.release(series)
    assert caught.value.exit_code == 2
    assert f"the nearest is `{nearest}`" in caught.value.cause


def test_an_exact_release_means_its_series(known: catalogue.Catalogue) -> None:
    assert known.release("2.9.1").series == "2.9"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("trian", "did you mean `train`"),
        ("vision+nlp", "`nlp` does not stand on `vision`"),
        ("dev+train", "`train` does not stand on `dev`; it stands on `torch`, `vision`, `nlp`"),
        ("nvidia", "exists only in variants for cuda"),
    ],
)
def test_unknown_layers(known: catalogue.Catalogue, name: str, text: str) -> None:
    with pytest.raises(UnknownLayerError, match=text) as caught:
        known.product(name, "cpu")
    assert "vision+dev" in caught.value.hint


def test_unknown_variant(known: catalogue.Catalogue) -> None:
    with pytest.raises(UnknownVariantError, match="did you mean `cpu`"):
        known.variant("2.13", "cpuu")


def test_every_lock_fits_its_requirements(known: catalogue.Catalogue) -> None:
    for variant in known.variants.values():
        if variant.pending:
            continue
        pins: dict[str, set[str]] = {}
        for layer in known.product("dev", variant.kind).layers + tuple(known.layers.values()):
            path = layer.lock_file(variant)
            if path is None or layer.kind not in (None, variant.kind):
                continue
            for pin in lockfile.read(path):
                pins.setdefault(pin.name, set()).add(str(pin.version))
        for layer in known.layers.values():
            file = layer.folder / "requirements.in"
            for line in file.read_text().splitlines() if file.is_file() else ():
                text = line.partition("#")[0].strip()
                lacks = known.lacks.get(f"{layer.name}/{variant.id}", ())
                if not text or any(text.startswith(what.split()[0]) for what in lacks):
                    continue
                wanted = Requirement(text.format(**variant.pins))
                versions = pins.get(canonicalize_name(wanted.name), set())
                assert versions, (variant.id, layer.name, text)
                assert all(wanted.specifier.contains(one, prereleases=True) for one in versions), (variant.id, text)
