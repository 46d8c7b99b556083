from __future__ import annotations

import json

import pytest

from mlops_ci.publishing.manifest import (
    ArtifactNameError,
    Manifest,
    ManifestError,
    PublishedFile,
    check_model,
    check_name,
    decode,
    encode,
    manifest_key,
    object_key,
    read_manifest,
)
from mlops_ci.stores.errors import ObjectMissingError
from mlops_ci.stores.local import LocalStore

SHA = "ab" * 32


def manifest(**changes):
    values = {
        "model": "digits",
        "files": (PublishedFile(name="model/m.safetensors", bytes=3, sha256=SHA, key=object_key(SHA)),),
        "lineage": {"commit": "c0ffee", "seed": 0},
        "metrics": {"accuracy": 0.97},
        "evaluation": {"verdict": "promote"},
    }
    return Manifest(**{**values, **changes})


def test_the_key_of_an_object_is_its_content():
    assert object_key(SHA) == f"objects/ab/{SHA}"


def test_the_bytes_do_not_depend_on_the_order_of_what_went_in():
    one = manifest(lineage={"a": 1, "b": [1, 2]}, metrics={"x": 1.0, "y": 2.0})
    two = manifest(lineage={"b": [1, 2], "a": 1}, metrics={"y": 2.0, "x": 1.0})
    assert encode(one) == encode(two)
    assert manifest_key("digits", encode(one)) == manifest_key("digits", encode(two))
    assert manifest_key("digits", encode(manifest())) != manifest_key("digits", encode(one))


def test_what_was_written_is_read_back():
    assert decode(encode(manifest()), "here") == manifest()


def test_the_form_is_fixed():
    """Other tools read it, and a changed form would make every published model a new one."""
    assert json.loads(encode(manifest())) == {
        "schema": "mlops-ci/manifest/1",
        "model": "digits",
        "files": [{"name": "model/m.safetensors", "bytes": 3, "sha256": SHA, "key": f"objects/ab/{SHA}"}],
        "lineage": {"commit": "c0ffee", "seed": 0},
        "metrics": {"accuracy": 0.97},
        "evaluation": {"verdict": "promote"},
    }
    assert manifest_key("digits", encode(manifest())) == "models/digits/9ba5f905d494532c/manifest.json"


def test_a_number_that_is_not_finite_becomes_null():
    assert json.loads(encode(manifest(metrics={"loss": float("nan")})))["metrics"] == {"loss": None}


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a\nb", "x" * 300])
def test_model_names_that_can_not_be_a_part_of_a_key(name):
    with pytest.raises(ArtifactNameError) as caught:
        check_model(name)
    assert caught.value.exit_code == 2
    assert "[publish] model" in caught.value.hint


def test_usable_names():
    assert check_model("My model-2.0") == "My model-2.0"
    assert check_name("outputs/plots/loss curve.png") == "outputs/plots/loss curve.png"


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "a\0"])
def test_file_names_that_would_leave_the_folder(name):
    with pytest.raises(ArtifactNameError):
        check_name(name)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{", "no manifest"),
        (b"[]", "expected an object"),
        (b"{}", "`model` is missing"),
        (encode(manifest()).replace(b"manifest/1", b"manifest/9"), "manifest/9"),
        (encode(manifest()).replace(b"model/m.safetensors", b"../../escape"), "'../../escape'"),
        (encode(manifest()).replace(f"objects/ab/{SHA}".encode(), b"objects/other"), "'objects/other'"),
        (encode(manifest()).replace(b'"bytes": 3', b'"bytes": "3"'), "expected a whole number"),
    ],
)
def test_a_manifest_of_somebody_elses_is_refused(data, words):
    with pytest.raises(ManifestError) as caught:
        decode(data, "s3://b/k")
    assert words in caught.value.cause
    assert "s3://b/k" in caught.value.cause
    assert caught.value.exit_code == 4


def test_a_manifest_is_held_against_the_digest_in_its_key_and_a_given_one(tmp_path):
    store = LocalStore(tmp_path)
    data = encode(manifest())
    key = manifest_key("digits", data)
    store.put_bytes(key, data, only_if_absent=True)
    assert read_manifest(store, key) == manifest()
    with pytest.raises(ManifestError, match="changed or damaged"):
        read_manifest(store, key, sha256="0" * 64)
    store.put_bytes(key, encode(manifest(metrics={"accuracy": 1.0})), only_if_absent=False)
    with pytest.raises(ManifestError, match="changed or damaged"):
        read_manifest(store, key)
    with pytest.raises(ObjectMissingError):
        read_manifest(store, "models/digits/0000000000000000/manifest.json")
