"""Keys: ECDSA on the curve P-256 with SHA-256, which is what cosign makes and every verifier knows."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlops_ci.signing import sealed
from mlops_ci.signing.errors import SigningKeyError, library_missing

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

ONLY = "only ECDSA keys on the curve P-256 are used here; `mlops-ci images keys` makes one"


@dataclass(frozen=True)
class PublicKey:
    """A public key, as its DER bytes (SubjectPublicKeyInfo)."""

    der: bytes

    @cached_property
    def id(self) -> str:
        """Its fingerprint, as Sigstore's bundles hint at keys: SHA-256 of the DER bytes in base64."""
        return base64.b64encode(hashlib.sha256(self.der).digest()).decode()

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether the signature is this key's, of these very bytes."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        try:
            self._loaded.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, ValueError):
            return False
        return True

    def pem(self) -> str:
        """The text that `--key` of cosign reads."""
        from cryptography.hazmat.primitives import serialization

        form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return self._loaded.public_bytes(*form).decode()

    @cached_property
    def _loaded(self) -> EllipticCurvePublicKey:
        from cryptography.hazmat.primitives import serialization

        key: EllipticCurvePublicKey = _p256(serialization.load_der_public_key(self.der))
        return key


class PrivateKey:
    """A private key, in memory alone: it has no text form, and its `repr` shows the public one's fingerprint."""

    def __init__(self, key: EllipticCurvePrivateKey) -> None:
        self._key = key

    def __repr__(self) -> str:
        return f"PrivateKey(of={self.public.id!r})"

    @cached_property
    def public(self) -> PublicKey:
        """The public half."""
        from cryptography.hazmat.primitives import serialization

        form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return PublicKey(self._key.public_key().public_bytes(*form))

    def sign(self, data: bytes) -> bytes:
        """The signature (ASN.1 DER) of these bytes; the same for the same bytes where the library can (RFC 6979)."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        try:
            return self._key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        except UnsupportedAlgorithm:
            return self._key.sign(data, ec.ECDSA(hashes.SHA256()))

    def sealed(self, password: bytes) -> str:
        """The text of the key under a password, as cosign keeps it."""
        from cryptography.hazmat.primitives import serialization

        plain = serialization.NoEncryption()
        form = (serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, plain)
        return sealed.seal(self._key.private_bytes(*form), password)


def generate() -> PrivateKey:
    """A new key."""
    try:
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        raise library_missing(error) from error
    return PrivateKey(ec.generate_private_key(ec.SECP256R1()))


def private_key(pem: str, password: bytes) -> PrivateKey:
    """The key in a PEM text: cosign's own form, or PKCS #8 with or without a password. Raises `SigningKeyError`."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization
    except ImportError as error:
        raise library_missing(error) from error
    try:
        if sealed.is_sealed(pem):
            key: Any = serialization.load_der_private_key(sealed.unseal(pem, password), None)
        else:
            key = serialization.load_pem_private_key(pem.encode(), password if "ENCRYPTED" in pem else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SigningKeyError(
            "the signing key cannot be read: it is no private key in PEM, or its password is another one",
            hint="check what [signing] key and password name; `mlops-ci images keys` makes a pair",
        ) from error
    return PrivateKey(_p256(key))


def public_key(pem: str) -> PublicKey:
    """The key in a PEM text; raises `SigningKeyError`."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization
    except ImportError as error:
        raise library_missing(error) from error
    try:
        key = _p256(serialization.load_pem_public_key(pem.encode()))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SigningKeyError(
            "the public key cannot be read: it is no PEM text that begins with BEGIN PUBLIC KEY",
            hint="check what [signing] public-key names",
        ) from error
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(key.public_bytes(*form))


def _p256(key: Any) -> Any:
    """The key, which must be of the one kind that is used here."""
    if getattr(getattr(key, "curve", None), "name", "") != "secp256r1":
        raise SigningKeyError("the key is of another kind than ECDSA P-256", hint=ONLY)
    return key
