"""Whose signature a published model has: asked of the store, by the settings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci.console import Console
from mlops_ci.publishing.manifest import SIGNATURE, manifest_key
from mlops_ci.signing import models
from mlops_ci.signing.errors import SignatureUncheckedError, UnsignedModelError
from mlops_ci.stages.model_signatures import Asker, what_is_signed
from support import signing
from support.heard import Heard
from support.published import published

__all__ = ["published"]


@pytest.fixture
def signer(tmp_path):
    return signing.signer(tmp_path / "keys")


def asker(signer, **rule):
    settings = signer.settings(models="required", **rule)
    return Asker(settings=settings, environ={}, console=signing.console())


def by(key, folder: Path):
    def sign(data: bytes) -> Path:
        path = folder / SIGNATURE
        path.write_bytes(models.sign(what_is_signed(data), key))
        return path

    return sign


def test_what_the_named_key_signed_is_valid(published, signer, tmp_path):
    done = published.version(1, sign=by(signer.key, tmp_path))
    assert asker(signer).of_store(published.store, done.manifest.key, sha256=done.manifest.sha256).startswith("key ")
    again = published.version(1, sign=by(signer.key, tmp_path))
    assert again.manifest == done.manifest, "published again it is the very same"


def test_a_tampered_model_is_refused_although_every_digest_is_right(published, signer, tmp_path):
    done = published.version(1, sign=by(signer.key, tmp_path))
    other = published.version(2, sign=by(signing.signer(tmp_path / "other").key, tmp_path))
    unsigned = published.version(3)
    # Who may write into the store and the registry puts the good signature beside other weights, or another lineage.
    for change in ("files", "lineage"):
        forged = json.loads(done.data)
        if change == "files":
            forged["files"] = [
                *[one for one in json.loads(unsigned.data)["files"] if one["name"] != SIGNATURE],
                *[one for one in forged["files"] if one["name"] == SIGNATURE],
            ]
        else:
            forged["lineage"]["seed"] = 99
        data = json.dumps(forged).encode()
        key = manifest_key("digits", data)
        published.store.put_bytes(key, data, only_if_absent=True)
        with pytest.raises(UnsignedModelError, match="names other files" if change == "files" else "was changed"):
            asker(signer).of_store(published.store, key)
    for bundle, why in ((other, "another key signed it"), (unsigned, "it is not signed")):
        with pytest.raises(UnsignedModelError, match=why) as caught:
            asker(signer).of_store(published.store, bundle.manifest.key)
        assert caught.value.exit_code == 1
    (signature,) = (one for one in json.loads(done.data)["files"] if one["name"] == SIGNATURE)
    published.store.delete(signature["key"])
    with pytest.raises(UnsignedModelError, match="gone from the store"):
        asker(signer).of_store(published.store, done.manifest.key)


def test_without_a_demand_an_unsigned_model_is_told_and_without_a_name_nothing_is_asked(published, signer):
    done = published.version(1)
    heard = Heard()
    lax = replace(asker(signer), settings=signer.settings(), console=Console(sink=heard))
    assert lax.of_store(published.store, done.manifest.key) is None
    assert any("was published is not signed" in line for line in heard.lines)
    nobody = signing.made(signer.folder)
    assert replace(lax, settings=nobody).of_store(published.store, "models/none/manifest.json") is None
    with pytest.raises(SignatureUncheckedError, match="nobody is named"):
        replace(lax, settings=signing.made(signer.folder, models="required")).asks()
