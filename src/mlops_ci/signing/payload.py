"""The payload of an image's signature as container tools have it: "simple signing", with the manifest's digest.

Source: containers/image, "Signature format"; cosign, "Signature Specification".
"""

from __future__ import annotations

import json

TYPE = "cosign container image signature"
MEDIA_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
# The annotation of a layer that holds the signature of the layer's bytes.
SIGNATURE = "dev.cosignproject.cosign/signature"


def payload(repository: str, digest: str) -> bytes:
    """The bytes to sign: this repository, with this manifest."""
    critical = {
        "identity": {"docker-reference": repository},
        "image": {"docker-manifest-digest": digest},
        "type": TYPE,
    }
    return json.dumps({"critical": critical, "optional": None}, separators=(",", ":")).encode()


def signed_digest(data: bytes) -> str | None:
    """The digest of the image that a payload is about; None for what is no such payload."""
    try:
        critical = json.loads(data)["critical"]
        return str(critical["image"]["docker-manifest-digest"]) if critical["type"] == TYPE else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
