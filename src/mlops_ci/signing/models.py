"""Signatures of models: one signed statement names every file by its digest, and what was published with them.

Source: OpenSSF Model Signing, "model_signing/signature/v1.0" (the predicate's own documentation in `model-signing`
1.1.1): a Sigstore bundle of an in-toto statement. Its verifiers ignore what else a predicate says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_ci.signing import bundle
from mlops_ci.signing.keys import PrivateKey, PublicKey
from mlops_ci.signing.statement import PAYLOAD_TYPE, STATEMENT, statement

# What `cosign` writes in the place of STATEMENT; the fields that are read here are the same.
STATEMENT_BEFORE = "https://in-toto.io/Statement/v0.1"
MODEL = "https://model_signing/signature/v1.0"
# Our own part of the predicate.
OWN = "mlops-ci"
OTHER_KEY = "another key signed it, or it was changed afterwards"
UNREADABLE = "its signature cannot be read"


@dataclass(frozen=True, kw_only=True)
class Signed:
    """What is signed: the model's name, its files (name → SHA-256), and the SHA-256 of all else that was published."""

    model: str
    files: Mapping[str, str]
    manifest: str

    @property
    def digests(self) -> bytes:
        """The digests of the files, by name, one behind the other: the SHA-256 of this is the model's own."""
        return b"".join(bytes.fromhex(self.files[name]) for name in sorted(self.files))

    @property
    def predicate(self) -> dict[str, Any]:
        """What the statement says."""
        return {
            "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": []},
            "resources": [
                {"name": name, "algorithm": "sha256", "digest": self.files[name]} for name in sorted(self.files)
            ],
            OWN: {"manifest": self.manifest},
        }


def sign(what: Signed, key: PrivateKey) -> bytes:
    """The bundle."""
    data = statement(what.model, f"sha256:{hashlib.sha256(what.digests).hexdigest()}", MODEL, what.predicate)
    return bundle.bundle(data, key, hint=hashlib.sha256(key.public.pem().encode()).hexdigest())


def problem(data: bytes, what: Signed, key: PublicKey | None) -> str | None:
    """What is wrong with a bundle; None where it is a signature of just this. Without a key only what it says is read:
    the signature itself was verified by others.
    """
    envelope = bundle.read(data)
    if envelope is None or envelope.kind != PAYLOAD_TYPE:
        return UNREADABLE
    if key is not None and not any(key.verifies(one, envelope.signed) for one in envelope.signatures):
        return OTHER_KEY
    try:
        said = json.loads(envelope.payload)
        predicate, subject = said["predicate"], said["subject"][0]
        found = {str(one["name"]): str(one["digest"]) for one in predicate["resources"]}
        own = predicate[OWN]["manifest"]
        kind = said["_type"] in (STATEMENT, STATEMENT_BEFORE) and said["predicateType"] == MODEL
        right = kind and subject["name"] == what.model
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return "what is signed is no statement about a model"
    if not right:
        return "it is a signature of another model"
    if found != dict(what.files):
        wrong = sorted(name for name in {*found, *what.files} if found.get(name) != what.files.get(name))
        return f"the signature names other files: {', '.join(wrong[:3])}{' ...' if len(wrong) > 3 else ''}"
    return None if own == what.manifest else "what was published with the files was changed afterwards"
