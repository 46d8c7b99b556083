"""Signatures beside an image in its registry: as referrers, and under the tag by which cosign found them before.

Sources: cosign, "Cosign Bundle Specification" and "Signature Specification" (tag-based discovery).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from mlops_ci.registry.client import RegistryAnswerError
from mlops_ci.registry.reference import Reference, parse
from mlops_ci.registry.referrers import KEPT, MANIFEST, Referrers, as_bytes, digest_of, tag_of, typed

CONFIG = "application/vnd.oci.image.config.v1+json"
# Behind the tag that stands for the image's digest: its signatures, and signed statements about it.
SIGNED, ATTESTED = ".sig", ".att"
# Anybody who may write there can leave something: who verifies reads no more than the newest of it.
MOST = 50


class Signatures(Referrers):
    """Keeps signatures beside images and finds them again."""

    def files(self, ref: str, *, kind: str) -> list[bytes]:
        """The files of this media type beside the image, the newest first; what cannot be read of one is empty."""
        reference = parse(ref)
        found = []
        for one in reversed(self.beside(ref, kind=kind)[-MOST:]):
            try:
                found.append(self._file(reference, str(one["digest"])))
            except (ValueError, KeyError, IndexError, TypeError):
                found.append(b"")
        return found

    def tagged(self, ref: str, *, annotation: str) -> list[tuple[bytes, str]]:
        """The payloads under the image's tag of signatures, each with what its layer says in that annotation."""
        reference = parse(ref)
        found = []
        for layer in reversed(self._layers(reference, self._subject(reference), SIGNED)[-MOST:]):
            try:
                payload = self._read(reference, f"blobs/{layer['digest']}", str(layer["digest"]))
                found.append((payload, str(layer["annotations"][annotation])))
            except (KeyError, TypeError):
                found.append((b"", ""))
        return found

    def keep_tagged(
        self, ref: str, payload: bytes, *, kind: str, annotations: Mapping[str, str], suffix: str = SIGNED
    ) -> None:
        """Add a payload with its signature to those under the image's tag of that suffix."""
        reference = parse(ref)
        subject = self._subject(reference)
        layer = {**self._push(reference, payload, kind), "annotations": dict(annotations)}
        layers = [*self._layers(reference, subject, suffix), layer]
        config = as_bytes(
            {
                "architecture": "",
                "os": "",
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": [one["digest"] for one in layers]},
            }
        )
        manifest = as_bytes(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": self._push(reference, config, CONFIG),
                "layers": layers,
            }
        )
        path = f"manifests/{tag_of(subject)}{suffix}"
        self._exchange("PUT", reference, path, body=manifest, headers=typed(MANIFEST))

    def _subject(self, reference: Reference) -> str:
        return reference.digest or str(self._descriptor(reference)["digest"])

    def _layers(self, reference: Reference, subject: str, suffix: str) -> list[dict[str, Any]]:
        answer = self._exchange("GET", reference, f"manifests/{tag_of(subject)}{suffix}", headers=KEPT)
        if answer.status == 404:
            return []
        try:
            return [one for one in json.loads(answer.data)["layers"] if isinstance(one, dict)]
        except (ValueError, KeyError, TypeError) as error:
            raise RegistryAnswerError(
                f"the signatures of {reference.repository} in the registry are no manifest: {digest_of(answer.data)}",
                hint="a proxy or a full disk may have cut it off; ask who runs the registry",
            ) from error


def decoded(text: str) -> bytes:
    """A signature as the annotation has it (base64); empty for what is none."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""
