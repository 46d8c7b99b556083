"""The policy that `mlops-ci doctor` prints allows what the store asks for, and nothing else."""

from __future__ import annotations

import hashlib
import time

from mlops_ci.orchestrators.callers.configuration import Stores
from mlops_ci.orchestrators.callers.policies import permissions
from mlops_ci.stores.base import Download, Upload
from mlops_ci.stores.measure import measure
from mlops_ci.stores.s3_transfers import LARGE
from support.s3_places import BUCKET

# docs.aws.amazon.com, "Required permissions for Amazon S3 API operations".
ACTIONS = {
    "HeadObject": "s3:GetObject",
    "GetObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "ListParts": "s3:ListMultipartUploadParts",
    "DeleteObject": "s3:DeleteObject",
    "HeadBucket": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
}


def test_each_action_is_needed_and_no_other_is(place, tmp_path):
    small, big = tmp_path / "small", tmp_path / "big"
    small.write_bytes(b"content")
    big.write_bytes(b"\1" * (LARGE + 1))
    items, names = [], []
    for path in (small, big):
        facts = measure(path)
        # A key that names its content: what a publisher of it left is gone on with.
        names.append(f"{path.name}-{facts.sha256}")
        items.append(Upload(key=names[-1], path=path, sha256=facts.sha256, bytes=facts.bytes))
    # What two publishers left that were killed: with the newer one it is gone on, the older one is freed.
    at = {"Bucket": BUCKET, "Key": f"{place.prefix}/{names[1]}"}
    place.raw().create_multipart_upload(**at)
    time.sleep(1.1)
    left = place.raw().create_multipart_upload(**at)
    place.raw().upload_part(**at, UploadId=left["UploadId"], PartNumber=1, Body=b"x")
    store = place.store()
    assert store.head(names[0]) is None
    assert store.put_files(items) == (2, 0)
    assert store.put_files(items) == (0, 2)
    assert store.put_bytes("note.json", b"{}", only_if_absent=True)
    assert store.get_bytes("note.json") == b"{}"
    assert store.hash_object(names[1]).sha256 == hashlib.sha256(big.read_bytes()).hexdigest()
    store.download_files([Download(key=names[1], path=tmp_path / "again", bytes=LARGE + 1)])
    assert len(list(store.list())) == 3
    store.delete("note.json")
    assert place.pending_uploads() == []
    made = permissions(Stores(store=place.uri), "")
    allowed = {action for one in made["Statement"] for action in one["Action"]}
    assert {ACTIONS[name] for name in place.requests.counts} == allowed
