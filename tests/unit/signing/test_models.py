"""Signatures of models: what they speak of, and what is refused."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from mlops_ci.signing import models
from mlops_ci.signing.keys import generate
from mlops_ci.signing.models import OTHER_KEY, UNREADABLE, Signed

KEY, OTHER = generate(), generate()
WHAT = Signed(model="digits", files={"model.safetensors": "a" * 64, "config.json": "b" * 64}, manifest="c" * 64)


def test_a_signature_speaks_of_the_files_and_of_all_else_that_was_published():
    data = models.sign(WHAT, KEY)
    assert models.problem(data, WHAT, KEY.public) is None
    said = json.loads(base64.b64decode(json.loads(data)["dsseEnvelope"]["payload"]))
    assert said["predicateType"] == "https://model_signing/signature/v1.0"
    assert [one["name"] for one in said["predicate"]["resources"]] == ["config.json", "model.safetensors"]


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (replace(WHAT, model="letters"), "it is a signature of another model"),
        (replace(WHAT, files={**WHAT.files, "config.json": "d" * 64}), "names other files: config.json"),
        (replace(WHAT, files={**WHAT.files, "more": "d" * 64}), "names other files: more"),
        (replace(WHAT, manifest="d" * 64), "what was published with the files was changed"),
    ],
)
def test_what_is_not_as_signed_is_named(other, why):
    assert why in (models.problem(models.sign(WHAT, KEY), other, KEY.public) or "")


def test_another_key_another_payload_and_garbage_are_refused():
    data = models.sign(WHAT, KEY)
    assert models.problem(data, WHAT, OTHER.public) == OTHER_KEY
    document = json.loads(data)
    document["dsseEnvelope"]["payload"] = base64.b64encode(b"{}").decode()
    assert models.problem(json.dumps(document).encode(), WHAT, KEY.public) == OTHER_KEY
    for garbage in (b"", b"[]", b"{}", b"\xff"):
        assert models.problem(garbage, WHAT, KEY.public) == UNREADABLE
