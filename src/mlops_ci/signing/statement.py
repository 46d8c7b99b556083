"""in-toto statements: what is said (the predicate) of which bytes (the subjects, by their digests).

Source: in-toto Attestation Framework, "Statement v1".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STATEMENT = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
# What cosign says of an image that it signs: nothing but that it did.
SIGNED = "https://sigstore.dev/cosign/sign/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
# A statement whose predicate is an SBOM (in-toto Attestation Framework, "CycloneDX").
CYCLONEDX = "https://cyclonedx.org/bom"


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A statement that was read: its kind, the digests of its subjects, and what it says."""

    predicate_type: str
    digests: frozenset[str]
    predicate: Mapping[str, Any]


def statement(name: str, digest: str, predicate_type: str, predicate: Mapping[str, Any]) -> bytes:
    """The bytes of a statement about one subject; `digest` as `sha256:...`."""
    algorithm, _, value = digest.partition(":")
    return json.dumps(
        {
            "_type": STATEMENT,
            "subject": [{"name": name, "digest": {algorithm: value}}],
            "predicateType": predicate_type,
            "predicate": predicate,
        },
        separators=(",", ":"),
        sort_keys=True,
    ).encode()


def read(data: bytes) -> Statement | None:
    """The statement in these bytes; None where there is none."""
    try:
        document = json.loads(data)
        if document["_type"] != STATEMENT:
            return None
        subjects = [dict(one["digest"]) for one in document["subject"]]
        return Statement(
            predicate_type=str(document["predicateType"]),
            digests=frozenset(f"{name}:{value}" for one in subjects for name, value in one.items()),
            predicate=dict(document.get("predicate") or {}),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
