"""Questions to a real registry, and to a stub for what a real one cannot be made to answer."""

import base64
import hashlib
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci.network import RetryPolicy
from mlops_ci.registry.client import MANIFEST_TYPES, Registry, RegistryDeniedError, RegistryUnreachableError
from support.registry_stub import Answer, Question, StubRegistry, stub_registry

DIGEST = "sha256:" + "a" * 64
QUICK = RetryPolicy(attempts=3, first_wait=0.01)


@pytest.fixture
def client(tmp_path: Path) -> Registry:
    return Registry(docker_config=tmp_path, policy=QUICK)


@pytest.fixture
def registry() -> Iterator[StubRegistry]:
    with stub_registry(lambda _: Answer(headers={"Docker-Content-Digest": DIGEST})) as stub:
        yield stub


def login(folder: Path, host: str, text: str) -> None:
    auth = base64.b64encode(text.encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))


def test_a_real_registry(client: Registry, mirrored_base_image: str) -> None:
    digest = client.head(mirrored_base_image)
    assert digest is not None
    host, _, rest = mirrored_base_image.partition("/")
    repository, _, _ = rest.rpartition(":")
    question = urllib.request.Request(
        f"http://{host}/v2/{repository}/manifests/{digest}", headers={"Accept": ", ".join(MANIFEST_TYPES)}
    )
    with urllib.request.urlopen(question) as answer:
        assert f"sha256:{hashlib.sha256(answer.read()).hexdigest()}" == digest
    name = f"{host}/{repository}"
    assert client.head(f"{name}@{digest}") == digest
    assert client.head(f"{name}:no-such-tag") is None
    assert client.head(f"{name}-none:1") is None


def test_nobody_listens(client: Registry) -> None:
    with pytest.raises(RegistryUnreachableError) as caught:
        client.head("localhost:9/x:1")
    assert caught.value.exit_code == 10
    assert "localhost:9 could not be asked" in caught.value.cause


def test_a_busy_registry_is_asked_again(client: Registry, registry: StubRegistry) -> None:
    def busy(_: Question) -> Answer:
        return Answer(status=429) if len(registry.questions) < 3 else Answer(headers={"Docker-Content-Digest": DIGEST})

    registry.answer = busy
    assert client.head(f"{registry.host}/x:1") == DIGEST
    assert len(registry.questions) == 3


@pytest.mark.parametrize("status", [500, 503, 429])
def test_could_not_ask_is_not_absent(client: Registry, registry: StubRegistry, status: int) -> None:
    registry.answer = lambda _: Answer(status=status)
    with pytest.raises(RegistryUnreachableError):
        client.head(f"{registry.host}/x:1")
    assert len(registry.questions) == 3


@pytest.mark.parametrize("status", [403, 400])
def test_a_refusal_is_not_absent_and_not_asked_again(client: Registry, registry: StubRegistry, status: int) -> None:
    registry.answer = lambda _: Answer(status=status)
    with pytest.raises(RegistryDeniedError) as caught:
        client.head(f"{registry.host}/x:1")
    assert (caught.value.exit_code, len(registry.questions)) == (10, 1)
    assert f"docker login {registry.host}" in caught.value.hint


def test_absent_is_asked_once(client: Registry, registry: StubRegistry) -> None:
    registry.answer = lambda _: Answer(status=404)
    assert client.head(f"{registry.host}/x:1") is None
    assert len(registry.questions) == 1


def test_a_registry_that_gives_no_digest_on_head(client: Registry, registry: StubRegistry) -> None:
    manifest = b'{"schemaVersion": 2}'
    registry.answer = lambda _: Answer(body=manifest)
    assert client.head(f"{registry.host}/x:1") == f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    assert [question.method for question in registry.questions] == ["HEAD", "GET"]


def test_basic_login(client: Registry, registry: StubRegistry, tmp_path: Path) -> None:
    expected = "Basic " + base64.b64encode(b"me:secret").decode()

    def answer(question: Question) -> Answer:
        if question.authorization != expected:
            return Answer(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        return Answer(headers={"Docker-Content-Digest": DIGEST})

    registry.answer = answer
    with pytest.raises(RegistryDeniedError, match="wants a login"):
        client.head(f"{registry.host}/x:1")
    login(tmp_path, registry.host, "me:secret")
    assert client.head(f"{registry.host}/x:1") == DIGEST
    asked = len(registry.questions)
    assert client.head(f"{registry.host}/x:2") == DIGEST
    assert len(registry.questions) == asked + 1, "the login is kept"


def test_token_login(client: Registry, registry: StubRegistry, tmp_path: Path) -> None:
    login(tmp_path, registry.host, "me:secret")

    def answer(question: Question) -> Answer:
        if question.path.startswith("/token?"):
            assert "scope=repository%3Ax%3Apull" in question.path
            assert question.authorization == "Basic " + base64.b64encode(b"me:secret").decode()
            return Answer(body=b'{"token": "t0ken"}')
        if question.authorization != "Bearer t0ken":
            realm = f'Bearer realm="http://{registry.host}/token",service="s",scope="repository:x:pull"'
            return Answer(status=401, headers={"WWW-Authenticate": realm})
        return Answer(headers={"Docker-Content-Digest": DIGEST})

    registry.answer = answer
    assert client.head(f"{registry.host}/x:1") == DIGEST
    assert client.head(f"{registry.host}/x:1") == DIGEST
    assert [question.method for question in registry.questions] == ["HEAD", "GET", "HEAD", "HEAD"]


def test_identity_token_is_exchanged(client: Registry, registry: StubRegistry, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"auths": {registry.host: {"identitytoken": "refresh-me"}}}))

    def answer(question: Question) -> Answer:
        if question.path == "/token":
            assert "refresh_token=refresh-me" in question.body
            return Answer(body=b'{"access_token": "t0ken"}')
        if question.authorization != "Bearer t0ken":
            return Answer(status=401, headers={"WWW-Authenticate": f'Bearer realm="http://{registry.host}/token"'})
        return Answer(headers={"Docker-Content-Digest": DIGEST})

    registry.answer = answer
    assert client.head(f"{registry.host}/x:1") == DIGEST


def test_credentials_are_never_sent_in_the_clear_to_another_machine(
    client: Registry, registry: StubRegistry, tmp_path: Path
) -> None:
    login(tmp_path, registry.host, "me:secret")
    realm = 'Bearer realm="http://tokens.invalid/token",service="s"'
    registry.answer = lambda _: Answer(status=401, headers={"WWW-Authenticate": realm})
    with pytest.raises(RegistryDeniedError, match="not encrypted"):
        client.head(f"{registry.host}/x:1")


def test_a_token_refusal_says_what_to_do(client: Registry, registry: StubRegistry) -> None:
    def answer(question: Question) -> Answer:
        if question.path.startswith("/token"):
            return Answer(status=403, body=b'{"details": "no"}')
        return Answer(status=401, headers={"WWW-Authenticate": f'Bearer realm="http://{registry.host}/token"'})

    registry.answer = answer
    with pytest.raises(RegistryDeniedError, match="gave no token"):
        client.head(f"{registry.host}/x:1")


def test_credential_helper(registry: StubRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "docker-credential-demo"
    answer = json.dumps({"Username": "me", "Secret": "from-helper"})
    helper.write_text(
        f"#!/bin/sh\nread host\n[ \"$host\" = {registry.host} ] && echo '{answer}' && exit\n"
        'echo "credentials not found in native keychain"; exit 1\n'
    )
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "config.json").write_text(json.dumps({"credsStore": "demo"}))
    expected = "Basic " + base64.b64encode(b"me:from-helper").decode()
    registry.answer = lambda question: (
        Answer(headers={"Docker-Content-Digest": DIGEST})
        if question.authorization == expected
        else Answer(status=401, headers={"WWW-Authenticate": "Basic realm=x"})
    )
    assert Registry(docker_config=tmp_path, policy=QUICK).head(f"{registry.host}/x:1") == DIGEST
