"""Keyless signatures by the real `cosign`, with an authority on loopback that believes every token."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci.errors import MissingError
from mlops_ci.process import ProgramMissingError
from mlops_ci.registry.signatures import Signatures
from mlops_ci.signing import models, statement
from mlops_ci.signing.errors import UnsignedImageError
from mlops_ci.signing.keyless import KeylessUnavailableError
from mlops_ci.signing.models import Signed
from mlops_ci.stages import signed, signers
from mlops_ci.stages.signers import JobSigner
from support import fulcio, signing
from support.fulcio import Authority

WORKFLOW = "https://github.com/org/mlops-ci/.github/workflows/train.yml@refs/tags/v1"
ISSUER = "https://token.actions.githubusercontent.com"


@pytest.fixture
def client(tmp_path: Path) -> Signatures:
    return signing.client(tmp_path)


@pytest.fixture
def authority(tmp_path: Path, cosign: str) -> Iterator[Authority]:
    with fulcio.authority(tmp_path, WORKFLOW, ISSUER) as made:
        yield made


def job(authority: Authority) -> dict[str, str]:
    """The environment of a job at GitHub that may ask for an identity."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(authority.folder),
        **authority.environment,
        **authority.github,
    }


def test_the_jobs_identity_signs_and_is_asked_for(
    client: Signatures, image_registry: str, authority: Authority, tmp_path: Path
) -> None:
    environ, console = job(authority), signing.console()
    who = signers.signer(signing.made(tmp_path, keyless=True), environ, console)
    assert isinstance(who, JobSigner)
    assert who.by == f"identity {WORKFLOW} ({ISSUER})"
    assert authority.asked == ["sigstore"]
    image = signing.image(client, image_registry)
    who.sign(image)
    made = {"buildDefinition": {"buildType": "urn:x"}, "runDetails": {}}
    who.attest(image, statement.PROVENANCE, made, tmp_path / "predicate.json")
    sbom = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}
    who.attest(image, statement.CYCLONEDX, sbom, tmp_path / "predicate.json")
    assert not (tmp_path / "predicate.json").exists()
    assert authority.tokens
    assert all(one.count(".") == 2 for one in authority.tokens)
    assert set(authority.tokens) <= console.redactor.secrets, "a token is taken out of logs and records"

    def ask(identity: str, issuer: str = ISSUER) -> str:
        settings = signing.made(tmp_path, identity=identity, issuer=issuer, required="verify")
        return signed.ask(image, settings, environ, console)

    assert ask(WORKFLOW) == f"identity {WORKFLOW}"
    for identity, issuer in ((WORKFLOW.replace("/v1", "/v2"), ISSUER), (WORKFLOW, "https://gitlab.example")):
        with pytest.raises(UnsignedImageError) as caught:
            ask(identity, issuer)
        assert (caught.value.exit_code, identity in caught.value.cause) == (1, True)


def test_the_jobs_identity_signs_models(authority: Authority, cosign: str, tmp_path: Path) -> None:
    environ = job(authority)
    who = signers.signer(signing.made(tmp_path, keyless=True), environ, signing.console())
    assert isinstance(who, JobSigner)
    what = Signed(model="digits", files={"model.safetensors": "a" * 64, "config.json": "b" * 64}, manifest="c" * 64)
    blob, predicate, held = (tmp_path / name for name in (what.model, "predicate.json", "model.sig"))
    blob.write_bytes(what.digests)
    predicate.write_text(json.dumps(what.predicate))
    who.program.sign_blob(blob, models.MODEL, predicate, held)
    assert models.problem(held.read_bytes(), what, None) is None
    assert "other files" in (models.problem(held.read_bytes(), replace(what, files={}), None) or "")

    root = tmp_path / "trusted-root.json"
    words = ["trusted-root", "create", "--certificate-chain", str(authority.root), "--out", str(root)]
    subprocess.run([cosign, *words], check=True, capture_output=True)
    others = signers.program({**environ, "COSIGN_TRUSTED_ROOT": str(root)}, signing.console())

    def ask(identity: str) -> str | None:
        return others.verify_blob(blob, models.MODEL, held, identity=identity, issuer=ISSUER)

    assert ask(WORKFLOW) is None
    assert "no valid signature of" in (ask(WORKFLOW.replace("/v1", "/v2")) or "")
    blob.write_bytes(b"other files")
    assert "no valid signature of" in (ask(WORKFLOW) or "")


def test_an_image_without_a_signature_is_refused(
    client: Signatures, image_registry: str, authority: Authority, tmp_path: Path
) -> None:
    settings = signing.made(tmp_path, identity=WORKFLOW, issuer=ISSUER, required="verify")
    with pytest.raises(UnsignedImageError) as caught:
        signed.ask(signing.image(client, image_registry), settings, job(authority), signing.console())
    assert caught.value.exit_code == 1


def test_who_cannot_be_asked_is_no_verdict(
    client: Signatures, image_registry: str, authority: Authority, tmp_path: Path
) -> None:
    settings = signing.made(tmp_path, identity=WORKFLOW, issuer=ISSUER, keyless=True)
    with pytest.raises(KeylessUnavailableError) as caught:
        signed.ask(f"localhost:9/a@sha256:{'a' * 64}", settings, job(authority), signing.console())
    assert caught.value.exit_code == 10
    away = {**job(authority), "COSIGN_FULCIO_URL": "http://localhost:9"}
    who = signers.signer(settings, away, signing.console())
    with pytest.raises(KeylessUnavailableError, match="could not be signed"):
        who.sign(signing.image(client, image_registry))


def test_without_the_program_nothing_is_signed_and_the_next_step_is_said(authority: Authority, tmp_path: Path) -> None:
    environ = {**job(authority), "PATH": str(tmp_path)}
    who = signers.signer(signing.made(tmp_path, keyless=True), environ, signing.console())
    with pytest.raises(ProgramMissingError) as caught:
        who.sign(f"localhost:9/a@sha256:{'a' * 64}")
    assert isinstance(caught.value, MissingError)
    assert "install cosign" in caught.value.hint
