"""Signatures of images in a real registry, each way in which one can be missing or wrong, and cosign's own opinion."""

from __future__ import annotations

import base64
import json
import uuid
from pathlib import Path

import pytest

from mlops_ci.errors import MlopsError
from mlops_ci.registry.client import RegistryUnreachableError
from mlops_ci.registry.signatures import Signatures
from mlops_ci.signing import bundle, payload, provenance, statement
from mlops_ci.signing.errors import SignatureUnreadableError, UnsignedImageError
from mlops_ci.signing.keys import private_key
from mlops_ci.signing.provenance import Making, Origin
from mlops_ci.stages import signed
from support import signing, tiny_image
from support.registry_stub import Answer, stub_registry
from support.signing import PASSWORD, Signer


@pytest.fixture
def client(tmp_path: Path) -> Signatures:
    return signing.client(tmp_path)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return signing.signer(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return signing.signer(tmp_path_factory.mktemp("other"))


def ask(image: str, who: Signer) -> str:
    return signed.ask(image, who.settings(required="verify"), {}, signing.console())


def refused(image: str, who: Signer) -> MlopsError:
    with pytest.raises(MlopsError) as caught:
        ask(image, who)
    return caught.value


def test_a_signature_is_found_once_however_often_it_is_made(
    client: Signatures, image_registry: str, own: Signer
) -> None:
    image = signing.image(client, image_registry)
    assert own.signs(client).sign(image) is True
    assert own.signs(client).sign(image) is False
    assert ask(image, own) == f"key {own.key.public.id}"
    assert len(client.tagged(image, annotation=payload.SIGNATURE)) == 1
    assert len(client.files(image, kind=bundle.MEDIA_TYPE)) == 1


def test_an_image_without_a_signature_is_refused(client: Signatures, image_registry: str, own: Signer) -> None:
    error = refused(signing.image(client, image_registry), own)
    assert isinstance(error, UnsignedImageError)
    assert error.exit_code == 1
    assert "is not signed" in error.cause
    assert "mlops-ci images sign" in error.hint


def test_another_key_is_another_key(client: Signatures, image_registry: str, own: Signer, other: Signer) -> None:
    image = signing.image(client, image_registry)
    other.signs(client).sign(image)
    error = refused(image, own)
    assert error.exit_code == 1
    assert "another key signed it" in error.cause
    assert ask(image, other)
    # Both may sign, and each is found.
    own.signs(client).sign(image)
    assert ask(image, own)
    assert ask(image, other)


def test_a_signature_of_another_image_is_none(client: Signatures, image_registry: str, own: Signer) -> None:
    image = signing.image(client, image_registry)
    name = image.partition("@")[0]
    elsewhere = f"{name}@{tiny_image.push(client, f'{name}:2', says='other')}"
    own.signs(client).sign(elsewhere)
    stolen = client.files(elsewhere, kind=bundle.MEDIA_TYPE)[0]
    client.attach(image, stolen, kind=bundle.MEDIA_TYPE, annotations=bundle.notes(statement.SIGNED))
    data, text = client.tagged(elsewhere, annotation=payload.SIGNATURE)[0]
    client.keep_tagged(image, data, kind=payload.MEDIA_TYPE, annotations={payload.SIGNATURE: text})
    error = refused(image, own)
    assert error.exit_code == 1
    assert f"of another image ({elsewhere.partition('@')[2]})" in error.cause


def test_another_image_under_the_same_name_has_no_signature(
    client: Signatures, image_registry: str, own: Signer
) -> None:
    image = signing.image(client, image_registry)
    own.signs(client).sign(image)
    name = image.partition("@")[0]
    replaced = f"{name}@{tiny_image.push(client, f'{name}:1', says='replaced')}"
    assert refused(replaced, own).exit_code == 1
    assert ask(image, own)


def test_garbage_in_the_place_of_a_signature_is_no_verdict(
    client: Signatures, image_registry: str, own: Signer
) -> None:
    image = signing.image(client, image_registry)
    client.attach(image, b"<html>502</html>", kind=bundle.MEDIA_TYPE)
    error = refused(image, own)
    assert isinstance(error, SignatureUnreadableError)
    assert error.exit_code == 4
    # It takes nothing from a valid one beside it.
    own.signs(client).sign(image)
    assert ask(image, own)


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_registry_that_does_not_answer_is_no_verdict(client: Signatures, own: Signer, status: int) -> None:
    with stub_registry(lambda _: Answer(status=status)) as stub:
        with pytest.raises(RegistryUnreachableError) as caught:
            client.files(f"{stub.host}/a@sha256:{'a' * 64}", kind=bundle.MEDIA_TYPE)
    assert caught.value.exit_code == 10


def test_a_tag_of_signatures_that_is_no_manifest(client: Signatures) -> None:
    with stub_registry(lambda _: Answer(body=b'{"layers": 1')) as stub:
        with pytest.raises(MlopsError) as caught:
            client.tagged(f"{stub.host}/a@sha256:{'a' * 64}", annotation=payload.SIGNATURE)
    assert caught.value.exit_code == 10
    assert "are no manifest" in caught.value.cause


def test_cosign_finds_what_we_signed(
    client: Signatures, image_registry: str, own: Signer, other: Signer, cosign: str, tmp_path: Path
) -> None:
    image = signing.image(client, image_registry)
    own.signs(client).sign(image)
    making = Making(
        builder="urn:mlops-ci:builder:local",
        version="1",
        asked={"layer": "train"},
        own={},
        origins=(Origin(name="Dockerfile", digest={"sha256": "a" * 64}),),
        invocation="run",
        started="2026-01-01T00:00:00.000Z",
        finished="2026-01-01T00:00:01.000Z",
    )
    own.signs(client).attest(image, statement.PROVENANCE, provenance.predicate(making), tmp_path / "unused")
    own.signs(client).attest(image, statement.CYCLONEDX, {"bomFormat": "CycloneDX"}, tmp_path / "unused")

    def run(verb: str, key: Path, *more: str) -> tuple[int, str]:
        done = signing.cosign(cosign, tmp_path, verb, "--key", str(key), "--insecure-ignore-tlog=true", *more, image)
        return done.returncode, done.stdout

    assert run("verify", own.public)[0] == 0
    assert run("verify", other.public)[0] == 12, "no matching signature"
    kind = ("--type", "slsaprovenance1")
    code, said = run("verify-attestation", own.public, *kind)
    assert code == 0
    envelope = json.loads(said)
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    code, said = run("verify-attestation", own.public, "--type", "cyclonedx")
    assert code == 0
    attested = json.loads(base64.b64decode(json.loads(said)["payload"]))
    assert attested["predicate"] == {"bomFormat": "CycloneDX"}
    assert attested["subject"][0]["digest"] == {"sha256": image.rpartition(":")[2]}
    root = tmp_path / "root.json"
    root.write_text(json.dumps({"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}))
    bundles = ("--new-bundle-format", "--trusted-root", str(root))
    assert run("verify-attestation", own.public, *kind, *bundles)[0] == 0
    assert run("verify-attestation", other.public, *kind, *bundles)[0] == 1


def test_we_find_what_cosign_signed_with_its_own_key(
    client: Signatures, image_registry: str, own: Signer, cosign: str, tmp_path: Path
) -> None:
    assert signing.cosign(cosign, tmp_path, "generate-key-pair").returncode == 0
    image = signing.image(client, image_registry)
    words = ("sign", "--yes", "--key", "cosign.key", "--tlog-upload=false", image)
    assert signing.cosign(cosign, tmp_path, *words).returncode == 0
    theirs = Signer(folder=tmp_path, key=private_key((tmp_path / "cosign.key").read_text(), PASSWORD.encode()))
    assert ask(image, theirs) == f"key {theirs.key.public.id}"
    assert refused(image, own).exit_code == 1
    # And with our key, which it must open for that.
    second = signing.image(client, image_registry, says=uuid.uuid4().hex)
    words = ("sign", "--yes", "--key", str(own.private), "--tlog-upload=false", second)
    assert signing.cosign(cosign, tmp_path, *words).returncode == 0
    assert ask(second, own)
