"""What an image of a registry is made of, read there: whole, checked, and as a stream."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import pytest

from mlops_ci.images.layer_stream import unpacked_bytes
from mlops_ci.network import RetryPolicy
from mlops_ci.registry.blobs import Blobs, RemoteImage
from mlops_ci.registry.client import RegistryAnswerError, RegistryUnreachableError
from mlops_ci.registry.reference import parse
from mlops_ci.registry.referrers import INDEX, Referrers, as_bytes, digest_of, typed
from support import tiny_image
from support.registry_stub import Answer, Question, StubRegistry, stub_registry

QUICK = RetryPolicy(attempts=2, first_wait=0.01)
CONFIG = as_bytes({"rootfs": {"type": "layers", "diff_ids": ["sha256:" + "d" * 64]}, "config": {}})
LAYER = b"not what its digest says"


@pytest.fixture
def name(image_registry: str) -> str:
    return f"{image_registry}/blobs/{uuid.uuid4().hex[:12]}"


def test_manifest_configuration_and_layers(name: str) -> None:
    digest = tiny_image.push(Referrers(policy=QUICK), f"{name}:1", says="hello")
    found = Blobs(policy=QUICK).image(f"{name}:1")
    assert found is not None
    assert (found.name, found.digest, found.config["os"]) == (name, digest, "linux")
    (layer,) = found.layers
    assert layer.diff == found.config["rootfs"]["diff_ids"][0]
    with Blobs(policy=QUICK).open(name, layer.digest) as packed:
        assert unpacked_bytes(packed) == len("hello")
    assert Blobs(policy=QUICK).image(f"{name}:none") is None


def test_of_an_index_the_image_for_the_platform(name: str) -> None:
    client = Referrers(policy=QUICK)
    arm, amd = (tiny_image.push(client, f"{name}:{one}", says=one) for one in ("arm", "amd"))
    entries = [
        {"mediaType": "m", "digest": digest, "size": 1, "platform": {"os": system, "architecture": machine}}
        for digest, system, machine in ((arm, "linux", "arm64"), (amd, "linux", "amd64"), (arm, "unknown", "unknown"))
    ]
    sizes = {digest: len(Blobs().manifest(f"{name}@{digest}").data) for digest in (arm, amd)}  # type: ignore[union-attr]
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifests = [{**one, "mediaType": kind, "size": sizes[str(one["digest"])]} for one in entries]
    index = as_bytes({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})
    client._exchange("PUT", parse(name), "manifests/all", body=index, headers=typed(INDEX))

    def of(platform: str) -> str:
        found = Blobs(policy=QUICK).image(f"{name}:all", platform=platform)
        assert found is not None
        return found.digest

    assert (of("linux/amd64"), of("linux/arm64")) == (amd, arm)
    assert of("plan9/mips") == arm, "the first that is an image"


@pytest.fixture
def liar() -> Iterator[StubRegistry]:
    """A registry whose manifest is in order, and what it names is not."""
    manifest = as_bytes(
        {
            "schemaVersion": 2,
            "config": {"digest": digest_of(CONFIG), "size": len(CONFIG)},
            "layers": [{"digest": digest_of(b"the true layer"), "size": 14}],
        }
    )

    def answer(question: Question) -> Answer:
        if "/manifests/" in question.path:
            return Answer(headers={"Content-Type": "application/vnd.oci.image.manifest.v1+json"}, body=manifest)
        if question.path.endswith(digest_of(CONFIG)):
            return Answer(body=CONFIG)
        if question.path.endswith(digest_of(b"the true layer")):
            return Answer(body=LAYER)
        return Answer(headers={"Content-Length": "1000"}, body=b"cut") if "cut" in question.path else Answer(status=404)

    with stub_registry(answer) as stub:
        yield stub


def test_other_bytes_than_a_digest_says_are_no_layer(liar: StubRegistry) -> None:
    found = Blobs(policy=QUICK).image(f"{liar.host}/x:1")
    assert isinstance(found, RemoteImage)
    with (
        pytest.raises(RegistryAnswerError, match="other bytes"),
        Blobs(policy=QUICK).open(found.name, found.layers[0].digest) as packed,
    ):
        packed.readall()


def test_a_part_that_is_gone_is_said(liar: StubRegistry) -> None:
    gone = digest_of(b"gone")
    with (
        pytest.raises(RegistryAnswerError, match=f"not its part {gone}"),
        Blobs(policy=QUICK).open(f"{liar.host}/x", gone),
    ):
        pass


def test_a_stream_that_breaks_off_is_no_layer(liar: StubRegistry) -> None:
    with (
        pytest.raises(RegistryUnreachableError, match="broke off"),
        Blobs(policy=QUICK).open(f"{liar.host}/cut", digest_of(b"whole")) as packed,
    ):
        packed.readall()


@pytest.mark.parametrize(
    "content",
    [
        {"layers": []},
        {"manifests": [{"size": 1}]},
        {"manifests": ["sha256:0"]},
        {"manifests": 7},
        {"manifests": [{"digest": "sha256:0", "platform": 7}]},
    ],
    ids=str,
)
def test_an_image_without_what_makes_one(liar: StubRegistry, content: dict[str, object]) -> None:
    liar.answer = lambda question: Answer(
        headers={"Content-Type": "application/json"}, body=json.dumps({"schemaVersion": 2, **content}).encode()
    )
    with pytest.raises(RegistryAnswerError, match="is no image"):
        Blobs(policy=QUICK).image(f"{liar.host}/x:1")
