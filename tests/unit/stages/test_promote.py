"""Promotion asks for the signature of what publish left, and holds the registry's version against it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlops_ci.records.publish import ManifestRef, ModelRef, ObjectCount, PublishOutputs
from mlops_ci.records.record import FileRef
from mlops_ci.signing import models
from mlops_ci.signing.errors import UnsignedModelError
from mlops_ci.stages import promote
from mlops_ci.stages.champion import MANIFEST_DIGEST_TAG
from mlops_ci.stages.model_signatures import what_is_signed
from support import signing
from support.published import published

__all__ = ["published"]


@pytest.fixture
def check(published: Any, tmp_path: Path) -> Any:
    """Look at a version as promote does: `tagged` is the digest in the registry, `by` whose signature it has."""
    signer = signing.signer(tmp_path / "keys")
    data = published.version(1).data

    def look(*, tagged: str = hashlib.sha256(data).hexdigest(), by: Any = signer.key, models_rule: str = "required"):
        names = ("manifest.json", "model.sig") if by is not None else ()
        (tmp_path / "manifest.json").write_bytes(data)
        if by is not None:
            (tmp_path / "model.sig").write_bytes(models.sign(what_is_signed(data), by))
        session = SimpleNamespace(
            settings=signer.settings(models=models_rule),
            environ={},
            console=signing.console(),
            run=SimpleNamespace(open=lambda ref: tmp_path / ref.path),
        )
        outputs = PublishOutputs(
            model=ModelRef(name="digits", version="1"),
            manifest=ManifestRef(store="s", key="k", sha256=hashlib.sha256(data).hexdigest()),
            objects=ObjectCount(count=1, bytes=1, uploaded=1, reused=0),
            signed=tuple(FileRef(path=name, bytes=1, sha256="") for name in names),
        )
        registry = SimpleNamespace(version=lambda *_: SimpleNamespace(tags={MANIFEST_DIGEST_TAG: tagged}))
        promote._check_signature(session, outputs, registry)  # type: ignore[arg-type]

    return look


def test_what_was_signed_by_whom_is_named_may_be_promoted(check: Any) -> None:
    check()
    check(by=None, models_rule="signed")
    check(by=None, models_rule="never")


def test_an_unsigned_one_another_key_and_another_manifest_in_the_registry_are_refused(
    check: Any, tmp_path: Path
) -> None:
    other = signing.signer(tmp_path / "other").key
    for words, why in (
        ({"by": None}, "it is not signed"),
        ({"by": other}, "another key signed it"),
        ({"tagged": "f" * 64}, "names another manifest than was signed"),
    ):
        with pytest.raises(UnsignedModelError, match=why):
            check(**words)
