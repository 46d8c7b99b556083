"""What counts as a signature of an image: by whom, of which bytes, and in which forms."""

from __future__ import annotations

import base64
import json

import pytest

from mlops_ci.signing import bundle, payload, statement, verdict
from mlops_ci.signing.keys import generate
from mlops_ci.signing.verdict import OTHER_KEY, UNREADABLE, Simple

KEY, OTHER = generate(), generate()
DIGEST, ANOTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


def signed(key=KEY, digest=DIGEST, kind=statement.SIGNED, predicate=None):
    return bundle.bundle(statement.statement("reg.example/a", digest, kind, predicate or {}), key)


def changed(data, **fields):
    document = json.loads(data)
    document["dsseEnvelope"].update(fields)
    return json.dumps(document).encode()


def simple(key=KEY, digest=DIGEST):
    data = payload.payload("reg.example/a", digest)
    return Simple(payload=data, signature=key.sign(data))


def judge(*bundles, kind=statement.SIGNED):
    return verdict.of_bundles(bundles, KEY.public, DIGEST, kind)


def test_a_signature_of_this_image_by_this_key_is_valid():
    found = judge(signed())
    assert (found.valid, found.refused) == (True, ())
    assert verdict.of_simple([simple()], KEY.public, DIGEST).valid


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (signed(OTHER), OTHER_KEY),
        (signed(digest=ANOTHER), f"it is of another image ({ANOTHER})"),
        (changed(signed(), payload=json.loads(signed(digest=DIGEST[:-1] + "c"))["dsseEnvelope"]["payload"]), OTHER_KEY),
        (changed(signed(), signatures=[]), OTHER_KEY),
    ],
)
def test_what_is_no_signature_of_it_says_why(data, why):
    found = judge(data)
    assert (found.valid, found.refused, found.unreadable) == (False, (why,), False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"<html>",
        b'"text"',
        b"[" * 100_000,
        signed()[:-40],
        changed(signed(), payload="no base64!"),
        changed(signed(), payloadType="text/plain"),
        json.dumps({**json.loads(signed()), "mediaType": "application/json"}).encode(),
    ],
)
def test_garbage_is_unreadable_which_is_no_no(data):
    found = judge(data)
    assert not found.valid
    assert found.unreadable == (found.refused == (UNREADABLE,))
    assert found.refused


def test_a_signed_payload_that_is_no_statement():
    for payload_bytes in (b"[" * 100_000, b"{}", b"\xff"):
        data = bundle.bundle(payload_bytes, KEY)
        assert judge(data).refused == ("what is signed is no statement",)
        assert judge(bundle.bundle(payload_bytes, OTHER)).unreadable


def test_garbage_beside_a_valid_signature_takes_nothing_from_it():
    assert judge(b"garbage", signed(OTHER), signed()).valid
    mixed = judge(b"garbage", signed(OTHER))
    assert (mixed.valid, mixed.unreadable) == (False, False)


def test_provenance_is_no_signature_and_a_signature_no_provenance():
    provenance = signed(kind=statement.PROVENANCE, predicate={"a": 1})
    assert not judge(provenance).valid
    assert judge(provenance).refused == ()
    assert not judge(signed(), kind=statement.PROVENANCE).valid
    found = judge(signed(), provenance, kind=statement.PROVENANCE)
    assert found.said is not None
    assert dict(found.said.predicate) == {"a": 1}


def test_the_older_form_is_held_against_the_same():
    def judged(*found):
        return verdict.of_simple(found, KEY.public, DIGEST)

    assert judged(simple(OTHER)).refused == (OTHER_KEY,)
    assert judged(simple(digest=ANOTHER)).refused == (f"it is of another image ({ANOTHER})",)
    assert judged(Simple(payload=b"{}", signature=KEY.sign(b"{}"))).unreadable
    deep = b"[" * 100_000
    assert judged(Simple(payload=deep, signature=KEY.sign(deep))).unreadable
    # A signed text that only looks like one: the type is part of what is looked at.
    other = json.dumps({"critical": {"image": {"docker-manifest-digest": DIGEST}, "type": "atomic"}}).encode()
    assert not judged(Simple(payload=other, signature=KEY.sign(other))).valid


def test_one_form_is_enough_and_nothing_at_all_is_no_garbage():
    none = verdict.of_bundles([], KEY.public, DIGEST, statement.SIGNED)
    assert (none.valid, none.unreadable, none.refused) == (False, False, ())
    assert verdict.together(none, verdict.of_simple([simple()], KEY.public, DIGEST)).valid
    assert verdict.together(none, judge(signed(OTHER))).refused == (OTHER_KEY,)


def test_a_bundle_is_what_sigstore_says_it_is():
    document = json.loads(signed())
    assert document["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert document["verificationMaterial"] == {"publicKey": {"hint": KEY.public.id}}
    held = document["dsseEnvelope"]
    body = base64.b64decode(held["payload"])
    said = json.loads(body)
    assert (said["_type"], said["predicateType"]) == ("https://in-toto.io/Statement/v1", statement.SIGNED)
    assert said["subject"] == [{"name": "reg.example/a", "digest": {"sha256": "a" * 64}}]
    # The example of DSSE's own specification.
    assert bundle.encoding("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert KEY.public.verifies(
        base64.b64decode(held["signatures"][0]["sig"]), bundle.encoding(held["payloadType"], body)
    )
