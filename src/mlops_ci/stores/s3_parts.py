"""A large file in parts: those that a killed publisher has sent are used, the rest goes in parallel.

The server checks each part against its checksum, and the whole against one that is made from them. A part that is
there already is compared with the file: by its checksum where the server lists it, else by its MD5.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from mlops_ci.network import retry
from mlops_ci.stores.base import Meter, Upload
from mlops_ci.stores.errors import STILL_WRITTEN, FileChangedError, gone
from mlops_ci.stores.parallel import in_parallel
from mlops_ci.stores.s3_bucket import METADATA_SHA256, Bucket
from mlops_ci.stores.s3_checksums import best
from mlops_ci.stores.s3_errors import REFUSED_CODES, UNSUPPORTED_CODES, code_of, is_taken, is_worth_sending_again

# Each thread holds one part in memory. 10,000 parts (S3's limit) reach 156 GiB before they must be larger.
PART = 16 << 20
MOST_PARTS = 10_000
# What S3 takes at least for a part that is not the last one.
LEAST_PART = 5 << 20
FULL = "FULL_OBJECT"


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the file, counted from 1."""

    number: int
    start: int
    size: int


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A part that the server has."""

    number: int
    etag: str
    checksum: int
    size: int


def plan(size: int, step: int | None = None) -> list[Part]:
    """All parts of a file of `size` bytes, of `step` bytes each but for the last; without it as we send them anew."""
    step = step or _step(size)
    return [
        Part(number=number, start=start, size=min(step, size - start))
        for number, start in enumerate(range(0, size, step), 1)
    ]


def step_of(size: int, there: Iterable[Mapping[str, Any]]) -> int | None:
    """In what steps a publisher of another version has cut a file of `size` bytes, by the parts that the server has.

    None where they do not tell it, or where its parts take more memory than ours.
    """
    found = max((int(part["Size"]) for part in there), default=0)
    least = max(LEAST_PART, -(-size // MOST_PARTS))
    return found if least <= found < _step(size) else None


def _step(size: int) -> int:
    return max(PART, -(-size // MOST_PARTS))


class PartsSender:
    """One large file on its way."""

    def __init__(self, bucket: Bucket, item: Upload, meter: Meter) -> None:
        self._bucket = bucket
        self._item = item
        self._meter = meter
        self._told: set[int] = set()
        self._checksum = best()
        self._parts = plan(item.bytes)
        self._lock = threading.Lock()
        self._buffers = threading.local()

    def send(self) -> bool:
        """True when the object was created; False when somebody else has created it first."""
        upload = self._found()
        try:
            if upload is not None and self._finish(upload, known=True):
                return True
            return self._finish(self._begin(), known=False)
        except Exception as error:
            if not is_taken(error):
                raise
            return False

    def _finish(self, ident: str, *, known: bool) -> bool:
        """Send what is missing and complete it; False when the upload is gone, and the object is not there."""
        attempts = 0

        def attempt() -> None:
            nonlocal attempts
            attempts += 1
            there = self._there(ident) if known or attempts > 1 else {}
            if known and attempts == 1:
                self._parts = plan(self._item.bytes, step_of(self._item.bytes, there.values()))
            self._attempt(ident, there=there)

        try:
            retry(attempt, transient=is_worth_sending_again)
        except BaseException as error:
            gone_already = isinstance(error, Exception) and code_of(error) == "NoSuchUpload"
            if gone_already and known and self._bucket.head(self._item.key) is None:
                # Collected as garbage, or by a lifecycle rule, since it was listed.
                return False
            if gone_already:
                raise _taken() from error
            # Parts under a key that names its content are kept: the next publisher goes on with them.
            if not self._content_named or isinstance(error, FileChangedError) or is_taken(error):
                self._abort(ident)
            raise
        return True

    @property
    def _content_named(self) -> bool:
        """Only under a key that names its content is what others have left there a part of the same file."""
        return self._item.sha256 in self._item.key

    def _begin(self) -> str:
        made = self._bucket.client.create_multipart_upload(
            **self._bucket.at(self._item.key),
            **self._bucket.encryption,
            ContentType="application/octet-stream",
            Metadata={METADATA_SHA256: self._item.sha256},
            ChecksumAlgorithm=self._checksum.name,
            ChecksumType=FULL,
        )
        return str(made["UploadId"])

    def _found(self) -> str | None:
        """The newest upload of this object that was begun and not completed."""
        if not self._content_named:
            return None
        place = self._bucket.at(self._item.key)
        try:
            answer = self._bucket.client.list_multipart_uploads(Bucket=place["Bucket"], Prefix=place["Key"])
        except Exception as error:
            if code_of(error) in REFUSED_CODES | UNSUPPORTED_CODES:
                return None
            raise
        fitting = [one for one in answer.get("Uploads", []) if one["Key"] == place["Key"] and self._fits(one)]
        return str(max(fitting, key=lambda one: one["Initiated"])["UploadId"]) if fitting else None

    def _fits(self, upload: Mapping[str, Any]) -> bool:
        algorithm = upload.get("ChecksumAlgorithm") in {None, self._checksum.name}
        return algorithm and upload.get("ChecksumType") in {None, FULL}

    def _attempt(self, ident: str, *, there: Mapping[int, Mapping[str, Any]]) -> None:
        with _opened(self._item) as handle:
            sent = in_parallel(
                lambda part: self._have(handle, part, ident, there.get(part.number)),
                self._parts,
                workers=self._bucket.limits.parts,
            )
        whole = self._checksum.whole((one.checksum, one.size) for one in sent)
        self._bucket.client.complete_multipart_upload(
            **self._bucket.at(self._item.key),
            UploadId=ident,
            MultipartUpload={"Parts": [self._named(one) for one in sent]},
            ChecksumType=FULL,
            **{self._checksum.field: self._checksum.text(whole)},
        )

    def _named(self, one: Sent) -> dict[str, Any]:
        text = self._checksum.text(one.checksum)
        return {"PartNumber": one.number, "ETag": one.etag, self._checksum.field: text}

    def _there(self, ident: str) -> dict[int, Mapping[str, Any]]:
        pages = self._bucket.client.get_paginator("list_parts").paginate(
            **self._bucket.at(self._item.key), UploadId=ident
        )
        return {one["PartNumber"]: one for page in pages for one in page.get("Parts", [])}

    def _have(self, handle: int, part: Part, ident: str, there: Mapping[str, Any] | None) -> Sent:
        """The part on the server: as it is there, or sent now."""
        block = self._read(handle, part)
        checksum = self._checksum.compute(block)
        if there is None or not self._same(block, checksum, there):
            etag = self._bucket.put_part(
                self._item.key, block, ident=ident, number=part.number, checksum=self._checksum, value=checksum
            )
        else:
            etag = there["ETag"]
        self._tell(part)
        return Sent(number=part.number, etag=etag, checksum=checksum, size=part.size)

    def _same(self, block: memoryview, checksum: int, there: Mapping[str, Any]) -> bool:
        if there.get("Size") != len(block):
            return False
        listed = there.get(self._checksum.field)
        if listed is not None:
            return bool(listed == self._checksum.text(checksum))
        return bool(hashlib.md5(block, usedforsecurity=False).hexdigest() == there["ETag"].strip('"'))

    def _read(self, handle: int, part: Part) -> memoryview:
        buffer = getattr(self._buffers, "block", None)
        if buffer is None:
            buffer = self._buffers.block = bytearray(self._parts[0].size)
        block, done = memoryview(buffer)[: part.size], 0
        while done < part.size:
            count = os.preadv(handle, [block[done:]], part.start + done)
            if count == 0:
                raise FileChangedError(
                    f"{self._item.path} became shorter while it was being uploaded", hint=STILL_WRITTEN
                )
            done += count
        return block

    def _tell(self, part: Part) -> None:
        """Each part is told once, however often it is sent."""
        with self._lock:
            new = part.number not in self._told
            self._told.add(part.number)
        if new:
            self._meter.add(size=part.size)

    def _abort(self, ident: str) -> None:
        with suppress(
            Exception
        ):  # best effort: what stays is freed by who publishes the object, or by its lifecycle rule
            self._bucket.client.abort_multipart_upload(**self._bucket.at(self._item.key), UploadId=ident)


@contextmanager
def _opened(item: Upload) -> Iterator[int]:
    try:
        handle = os.open(item.path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise gone(item.path) from error
    try:
        yield handle
    finally:
        os.close(handle)


def _taken() -> Exception:
    """What the server would say if it still knew the upload: the object exists."""
    from botocore.exceptions import ClientError

    return ClientError({"Error": {"Code": "PreconditionFailed"}}, "CompleteMultipartUpload")
