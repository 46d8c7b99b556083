"""Files beside an image: in a real registry without referrers, and in a stub that lists them."""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path

import pytest

from mlops_ci.errors import MlopsError
from mlops_ci.network import RetryPolicy
from mlops_ci.registry.client import RegistryDeniedError, RegistryUnreachableError
from mlops_ci.registry.referrers import INDEX, Referrers
from support.registry_stub import Answer, Question, stub_registry

KIND = "application/vnd.cyclonedx+json"
QUICK = RetryPolicy(attempts=2, first_wait=0.01)


@pytest.fixture
def client(tmp_path: Path) -> Referrers:
    return Referrers(docker_config=tmp_path, policy=QUICK)


def test_what_was_kept_beside_an_image_is_found_again(client: Referrers, mirrored_base_image: str) -> None:
    kind = f"{KIND}.{uuid.uuid4().hex[:8]}"
    assert client.fetch(mirrored_base_image, kind=kind) is None
    first = client.attach(mirrored_base_image, b'{"a": 1}', kind=kind)
    assert client.fetch(mirrored_base_image, kind=kind) == b'{"a": 1}'
    assert client.attach(mirrored_base_image, b'{"a": 1}', kind=kind) == first
    client.attach(mirrored_base_image, b'{"a": 2}', kind=kind)
    assert client.fetch(mirrored_base_image, kind=kind) == b'{"a": 2}'


def test_an_image_that_is_not_there_has_nothing_beside_it(client: Referrers, image_registry: str) -> None:
    with pytest.raises(RegistryDeniedError, match="is not in the registry"):
        client.attach(f"{image_registry}/none:1", b"{}", kind=KIND)


@pytest.mark.parametrize("honest", [True, False])
def test_a_registry_that_lists_referrers_is_asked_for_them(client: Referrers, honest: bool) -> None:
    data = b'{"a": 1}'
    blob = "sha256:" + hashlib.sha256(data).hexdigest()
    manifest = json.dumps({"layers": [{"digest": blob}]}).encode()
    kept = "sha256:" + hashlib.sha256(manifest).hexdigest()
    listed = {"manifests": [{"artifactType": "other", "digest": "x"}, {"artifactType": KIND, "digest": kept}]}

    def answer(question):
        if "/referrers/" in question.path:
            return Answer(body=json.dumps(listed).encode(), headers={"Content-Type": INDEX})
        if f"/manifests/{kept}" in question.path:
            return Answer(body=manifest)
        if "/blobs/" in question.path:
            return Answer(body=data if honest else data + b" ")
        return Answer(body=b"{}")

    with stub_registry(answer) as stub:
        if honest:
            assert client.fetch(f"{stub.host}/a:1", kind=KIND) == data
        else:
            with pytest.raises(RegistryDeniedError, match="other bytes"):
                client.fetch(f"{stub.host}/a:1", kind=KIND)


@pytest.mark.parametrize("body", [b'{"manifests": [', b"<html>sign in</html>", b"[]", b'{"manifests": 1}'])
def test_a_list_that_is_cut_off_is_not_an_empty_one(client: Referrers, body: bytes) -> None:
    def answer(question: Question) -> Answer:
        return Answer(body=body if "/referrers/" in question.path else b"{}")

    with stub_registry(answer) as stub, pytest.raises(RegistryUnreachableError, match="cannot be read") as caught:
        client.fetch(f"{stub.host}/a:1", kind=KIND)
    assert caught.value.exit_code == 10


@pytest.mark.parametrize(
    ("status", "kind", "asked"),
    [
        (401, RegistryDeniedError, 1),
        (403, RegistryDeniedError, 1),
        (429, RegistryUnreachableError, 2),
        (500, RegistryUnreachableError, 2),
    ],
)
def test_an_answer_that_is_none_is_not_nothing_beside_it(
    client: Referrers, status: int, kind: type[MlopsError], asked: int
) -> None:
    with stub_registry(lambda _: Answer(status=status)) as stub:
        for ask in (
            lambda: client.fetch(f"{stub.host}/a:1", kind=KIND),
            lambda: client.attach(f"{stub.host}/a:1", b"{}", kind=KIND),
        ):
            before = len(stub.questions)
            with pytest.raises(kind) as caught:
                ask()
            assert (caught.value.exit_code, bool(caught.value.hint)) == (10, True)
            assert len(stub.questions) - before == asked, "only what may pass is asked again"


def test_an_upload_that_is_cut_off_keeps_nothing(client: Referrers) -> None:
    def answer(question: Question) -> Answer:
        if question.method == "PUT":
            return Answer(headers={"Content-Length": "100", "Connection": "close"}, body=b"x")
        if question.method == "POST":
            return Answer(status=202, headers={"Location": "/v2/a/blobs/uploads/1"})
        return Answer(status=404 if "/blobs/" in question.path else 200, body=b"{}")

    with stub_registry(answer) as stub, pytest.raises(RegistryUnreachableError) as caught:
        client.attach(f"{stub.host}/a:1", b"{}", kind=KIND)
    assert caught.value.exit_code == 10
    assert not [one for one in stub.questions if "/manifests/" in one.path and one.method == "PUT"]


@pytest.mark.parametrize("status", [400, 405, 415])
def test_a_registry_that_knows_no_referrers_keeps_it_all_the_same(client: Referrers, status: int) -> None:
    """Seen by its answers, whatever its version says: neither the question nor such a manifest is known there."""
    held: dict[str, bytes] = {"/v2/a/manifests/1": b"{}"}

    def answer(question: Question) -> Answer:
        path = question.path
        if "/referrers/" in path:
            return Answer(status=status)
        if question.method == "POST":
            return Answer(status=202, headers={"Location": "/v2/a/blobs/uploads/1"})
        if question.method == "PUT":
            if '"subject"' in question.body:
                return Answer(status=status)
            digest = path.partition("?digest=")[2]
            held[f"/v2/a/blobs/{digest}" if digest else path] = question.body.encode()
            return Answer(status=201)
        return Answer(body=held[path]) if path in held else Answer(status=404)

    with stub_registry(answer) as stub:
        image = f"{stub.host}/a:1"
        assert client.fetch(image, kind=KIND) is None
        client.attach(image, b'{"a": 1}', kind=KIND, annotations={"of": "me"})
        assert client.fetch(image, kind=KIND) == b'{"a": 1}'
        (found,) = client.listed(image)
        assert (found["artifactType"], found["annotations"]) == (KIND, {"of": "me"})
        kept = json.loads(held[f"/v2/a/manifests/{found['digest']}"])
        assert kept["config"]["mediaType"] == KIND, "it says what it is in the way that came before"
