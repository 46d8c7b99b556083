"""Manifests: read whole or not at all, and given a further tag. A stub answers what a real registry would not."""

import hashlib
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci.network import RetryPolicy
from mlops_ci.registry.client import Registry, RegistryAnswerError, RegistryDeniedError, RegistryUnreachableError
from support.registry_stub import Answer, Question, StubRegistry, stub_registry

MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"}).encode()
DIGEST = f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"
OTHER = "sha256:" + "b" * 64


@pytest.fixture
def client(tmp_path: Path) -> Registry:
    return Registry(docker_config=tmp_path, policy=RetryPolicy(attempts=3, first_wait=0.01))


@pytest.fixture
def registry() -> Iterator[StubRegistry]:
    with stub_registry(lambda _: Answer(headers={"Docker-Content-Digest": DIGEST}, body=MANIFEST)) as stub:
        yield stub


def test_a_manifest_is_what_its_digest_says(client: Registry, registry: StubRegistry) -> None:
    found = client.manifest(f"{registry.host}/x@{DIGEST}")
    assert found is not None
    assert (found.digest, found.data) == (DIGEST, MANIFEST)


@pytest.mark.parametrize(
    ("body", "said", "text"),
    [
        (MANIFEST[:20], DIGEST, "is no manifest of x"),
        (b"<html>sign in</html>", DIGEST, "is no manifest of x"),
        (b"[]", DIGEST, "is no manifest of x"),
        (MANIFEST + b" ", DIGEST, f"not {DIGEST}"),
    ],
)
def test_half_or_other_manifests(client: Registry, registry: StubRegistry, body: bytes, said: str, text: str) -> None:
    registry.answer = lambda _: Answer(headers={"Docker-Content-Digest": said}, body=body)
    with pytest.raises(RegistryAnswerError, match=text) as caught:
        client.manifest(f"{registry.host}/x:1")
    assert caught.value.exit_code == 10
    assert len(registry.questions) == 1, "the same answer would come again"


def test_an_answer_that_is_cut_off_is_asked_for_again(client: Registry, registry: StubRegistry) -> None:
    whole = Answer(headers={"Docker-Content-Digest": DIGEST}, body=MANIFEST)

    def answer(_: Question) -> Answer:
        if len(registry.questions) > 1:
            return whole
        return Answer(headers={"Content-Length": str(len(MANIFEST)), "Connection": "close"}, body=MANIFEST[:10])

    registry.answer = answer
    assert client.manifest(f"{registry.host}/x:1") is not None
    assert len(registry.questions) == 2


@pytest.mark.parametrize("said", ["sha256:123", "md5:1", "latest", OTHER])
def test_a_wrong_digest_is_no_digest(client: Registry, registry: StubRegistry, said: str) -> None:
    registry.answer = lambda _: Answer(headers={"Docker-Content-Digest": said})
    with pytest.raises(RegistryAnswerError, match="says that x") as caught:
        client.head(f"{registry.host}/x@{DIGEST}")
    assert "nothing was built" in caught.value.hint


def test_a_further_tag_is_the_very_same_manifest(client: Registry, registry: StubRegistry) -> None:
    assert client.tag(f"{registry.host}/x@{DIGEST}", "v2.9") == DIGEST
    put = registry.questions[-1]
    assert (put.method, put.path, put.body.encode()) == ("PUT", "/v2/x/manifests/v2.9", MANIFEST)


@pytest.mark.parametrize(
    ("status", "error"), [(403, RegistryDeniedError), (404, RegistryDeniedError), (500, RegistryUnreachableError)]
)
def test_a_tag_that_was_not_taken(
    client: Registry, registry: StubRegistry, status: int, error: type[Exception]
) -> None:
    whole = Answer(headers={"Docker-Content-Digest": DIGEST}, body=MANIFEST)
    registry.answer = lambda question: Answer(status=status) if question.method == "PUT" else whole
    with pytest.raises(error):
        client.tag(f"{registry.host}/x@{DIGEST}", "v2.9")


def test_an_image_that_is_not_there_cannot_be_tagged(client: Registry, registry: StubRegistry) -> None:
    registry.answer = lambda _: Answer(status=404)
    with pytest.raises(RegistryAnswerError, match="is not there to be tagged"):
        client.tag(f"{registry.host}/x:1", "v2.9")


def test_a_real_registry_takes_a_tag(client: Registry, mirrored_base_image: str) -> None:
    digest = client.head(mirrored_base_image)
    assert digest is not None
    name = mirrored_base_image.rpartition(":")[0]
    assert client.tag(f"{name}@{digest}", "v0.0-test") == digest
    assert client.head(f"{name}:v0.0-test") == digest
    with urllib.request.urlopen(f"http://{name.partition('/')[0]}/v2/{name.partition('/')[2]}/tags/list") as answer:
        assert "latest" not in json.load(answer)["tags"]
