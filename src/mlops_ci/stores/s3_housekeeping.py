"""What only the housekeeping of a bucket asks: its time, and the uploads in parts that nobody has completed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from mlops_ci.stores.base import Unfinished
from mlops_ci.stores.s3_bucket import Bucket
from mlops_ci.stores.s3_errors import code_of


def now(bucket: Bucket) -> float:
    """The server's time, from the `Date` of an answer: what it writes as an object's age is by the same clock."""
    with bucket.asking("asking for the time"):
        answer = bucket.client.list_objects_v2(**bucket.place, MaxKeys=1)
    said = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date", "")
    try:
        return parsedate_to_datetime(said).timestamp()
    except ValueError:
        # A proxy that hides it. Signatures hold the two clocks within a quarter of an hour of each other.
        return time.time()


def unfinished(bucket: Bucket) -> Iterator[Unfinished]:
    """All pages."""
    pages = bucket.client.get_paginator("list_multipart_uploads").paginate(**bucket.place)
    with bucket.asking("listing unfinished uploads"):
        for page in pages:
            for one in page.get("Uploads", []):
                yield Unfinished(
                    key=bucket.key_of(one["Key"]), ident=one["UploadId"], started=one["Initiated"].timestamp()
                )


def abandon(bucket: Bucket, upload: Unfinished) -> None:
    """Abort the upload; one that has been completed or aborted meanwhile is no error."""
    with bucket.asking(f"abandoning the unfinished upload of {upload.key}"):
        try:
            bucket.client.abort_multipart_upload(**bucket.at(upload.key), UploadId=upload.ident)
        except Exception as error:
            if code_of(error) != "NoSuchUpload":
                raise
