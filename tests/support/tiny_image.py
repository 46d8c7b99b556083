"""A tiny image in a registry, pushed without any engine: for what is about images as such."""

from __future__ import annotations

import gzip
import io
import tarfile

from mlops_ci.registry.reference import parse
from mlops_ci.registry.referrers import MANIFEST, Referrers, as_bytes, digest_of, typed
from mlops_ci.registry.signatures import CONFIG

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def push(client: Referrers, ref: str, *, says: str = "hello") -> str:
    """Push an image with one file, which says so, under `ref`; its digest."""
    reference = parse(ref)
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        entry = tarfile.TarInfo("says")
        entry.size = len(says)
        archive.addfile(entry, io.BytesIO(says.encode()))
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(tar.getvalue())]},
    }
    manifest = as_bytes(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": client._push(reference, as_bytes(config), CONFIG),
            "layers": [client._push(reference, gzip.compress(tar.getvalue(), mtime=0), LAYER)],
        }
    )
    client._exchange("PUT", reference, f"manifests/{reference.tag}", body=manifest, headers=typed(MANIFEST))
    return digest_of(manifest)
