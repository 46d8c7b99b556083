"""Sigstore bundles: a signed statement with what is needed to verify it, as one JSON document.

Sources: sigstore/protobuf-specs, `sigstore_bundle.proto` (JSON form, version 0.3); secure-systems-lab/dsse, "Protocol".
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from mlops_ci.signing.keys import PrivateKey
from mlops_ci.signing.statement import PAYLOAD_TYPE

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
ENVELOPE_TYPE = "application/vnd.dsse.envelope.v1+json"
CONTENT, PREDICATE = "dev.sigstore.bundle.content", "dev.sigstore.bundle.predicateType"


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """What a bundle holds: bytes of a type, and signatures of both. `by_identity`: a certificate in place of a key."""

    payload: bytes
    kind: str
    signatures: tuple[bytes, ...]
    by_identity: bool = False

    @property
    def signed(self) -> bytes:
        """The bytes that are signed (DSSE's pre-authentication encoding)."""
        return encoding(self.kind, self.payload)


def encoding(kind: str, payload: bytes) -> bytes:
    """The bytes that DSSE signs in the place of a payload: its type is part of them."""
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)


def bundle(statement: bytes, key: PrivateKey, *, hint: str | None = None) -> bytes:
    """A statement, signed with the key; `hint` names the key where its reader knows it by another name."""
    signature = key.sign(encoding(PAYLOAD_TYPE, statement))
    document = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": hint or key.public.id}},
        "dsseEnvelope": {
            "payload": _text(statement),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": _text(signature)}],
        },
    }
    return json.dumps(document, separators=(",", ":")).encode()


def envelope(data: bytes) -> bytes:
    """The envelope alone of a bundle that `bundle` made: what stands under the tag of statements."""
    return json.dumps(json.loads(data)["dsseEnvelope"], separators=(",", ":")).encode()


def notes(predicate_type: str) -> dict[str, str]:
    """What stands at a bundle's manifest in a registry, so that nobody needs to fetch it to know what it is."""
    return {CONTENT: "dsse-envelope", PREDICATE: predicate_type}


def read(data: bytes) -> Envelope | None:
    """The envelope in a bundle; None for what is no bundle, or one that holds none."""
    try:
        document: dict[str, Any] = json.loads(data)
        held = document["dsseEnvelope"]
        if not str(document["mediaType"]).startswith("application/vnd.dev.sigstore.bundle"):
            return None
        return Envelope(
            payload=_bytes(held["payload"]),
            kind=str(held["payloadType"]),
            signatures=tuple(_bytes(one["sig"]) for one in held["signatures"]),
            by_identity="publicKey" not in document["verificationMaterial"],
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
