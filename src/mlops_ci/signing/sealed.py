"""Private keys under a password as `cosign generate-key-pair` writes them: scrypt, then NaCl's secretbox.

Source: go-securesystemslib, package `encrypted`; cosign, "Signature Specification".
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import textwrap
from typing import Any

from mlops_ci.signing.errors import SigningKeyError, library_missing

LABEL = "ENCRYPTED SIGSTORE PRIVATE KEY"
LABELS = (LABEL, "ENCRYPTED COSIGN PRIVATE KEY")
KDF, CIPHER = "scrypt", "nacl/secretbox"
COST = {"N": 65536, "r": 8, "p": 1}
# A file may ask for no more work than this: the strongest that the format's own library writes.
MOST = {"N": 1 << 20, "r": 8, "p": 1}
SALT, NONCE = 32, 24


def is_sealed(pem: str) -> bool:
    """Whether a PEM text is a key of this form."""
    return any(f"-----BEGIN {label}-----" in pem for label in LABELS)


def seal(der: bytes, password: bytes) -> str:
    """The PEM text of a key (PKCS #8) under a password."""
    from nacl.secret import SecretBox

    salt, nonce = os.urandom(SALT), os.urandom(NONCE)
    box = SecretBox(_key(password, salt, COST)).encrypt(der, nonce)
    document = {
        "kdf": {"name": KDF, "params": COST, "salt": _text(salt)},
        "cipher": {"name": CIPHER, "nonce": _text(nonce)},
        "ciphertext": _text(box.ciphertext),
    }
    body = textwrap.wrap(_text(json.dumps(document, separators=(",", ":")).encode()), 64)
    return "\n".join([f"-----BEGIN {LABEL}-----", *body, f"-----END {LABEL}-----", ""])


def unseal(pem: str, password: bytes) -> bytes:
    """The key (PKCS #8) in such a text; raises `SigningKeyError`."""
    try:
        from nacl.exceptions import CryptoError
        from nacl.secret import SecretBox
    except ImportError as error:
        raise library_missing(error) from error
    try:
        body = "".join(line for line in pem.strip().splitlines() if not line.startswith("-----"))
        document: dict[str, Any] = json.loads(base64.b64decode(body, validate=True))
        kdf, cipher = document["kdf"], document["cipher"]
        cost = {name: int(kdf["params"][name]) for name in MOST}
        salt, nonce, box = (base64.b64decode(one) for one in (kdf["salt"], cipher["nonce"], document["ciphertext"]))
        known = (kdf["name"], cipher["name"]) == (KDF, CIPHER) and all(1 <= cost[name] <= MOST[name] for name in MOST)
        if not known:
            raise ValueError("it is encrypted in another way than cosign does it")
        return bytes(SecretBox(_key(password, salt, cost)).decrypt(box, nonce))
    except CryptoError as error:
        raise SigningKeyError(
            "the password does not open the signing key", hint="check what [signing] password names"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise SigningKeyError(
            "the signing key is no key of cosign, although it says so", hint="write a new one: mlops-ci images keys"
        ) from error


def _key(password: bytes, salt: bytes, cost: dict[str, int]) -> bytes:
    memory = 256 * cost["N"] * cost["r"]
    return hashlib.scrypt(password, salt=salt, n=cost["N"], r=cost["r"], p=cost["p"], maxmem=memory, dklen=32)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
