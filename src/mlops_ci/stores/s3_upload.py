"""Uploads: what is there is not sent again, small files go in parallel, large ones in parallel parts."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from mlops_ci.stores.base import Meter, ObjectInfo, Upload
from mlops_ci.stores.errors import STILL_WRITTEN, FileChangedError, ObjectLostError, StoreConflictError, gone
from mlops_ci.stores.parallel import in_flight
from mlops_ci.stores.s3_bucket import Bucket
from mlops_ci.stores.s3_parts import PartsSender
from mlops_ci.stores.s3_survey import Survey, survey
from mlops_ci.stores.s3_transfers import LARGE, SMALL


class Uploader:
    """One call of `put_files`."""

    def __init__(self, bucket: Bucket, meter: Meter) -> None:
        self._bucket = bucket
        self._meter = meter
        self._survey = Survey()

    def run(self, items: Sequence[Upload]) -> tuple[int, int]:
        """How many were uploaded, and how many were there."""
        sent = self._send_all(items)
        lost = self._lost(sent)
        if lost:
            # Once more, and this time it must be there; how far the whole is was told already.
            self._meter = Meter(files=0, size=0, on_progress=None)
            lost = self._lost(self._send_all(lost))
        if lost:
            raise ObjectLostError(
                f"the store {self._bucket.uri} said that it has {lost[0].key}, and has it not ({len(lost)} of "
                f"{len(items)} objects)",
                hint="something between this machine and the server swallows uploads, or the server loses them: run "
                "the stage again when it is repaired",
            )
        return len(sent), len(items) - len(sent)

    def _send_all(self, items: Sequence[Upload]) -> list[Upload]:
        """Those that were not there, and have been sent."""
        self._survey = survey((item.key for item in items), self._bucket.list_page, workers=self._bucket.limits.threads)
        small = [item for item in items if item.bytes < SMALL]
        middle = [item for item in items if SMALL <= item.bytes < LARGE]
        limits = self._bucket.limits
        threads, ahead = limits.senders if self._bucket.sends_ahead else (limits.threads, 1)
        created = in_flight(self._begin, small, workers=threads, ahead=ahead)
        created += in_flight(self._begin, middle, workers=limits.ranges, ahead=1)
        sent = [item for item, new in zip(small + middle, created, strict=True) if new]
        return sent + [item for item in items if item.bytes >= LARGE and self._put_large(item)]

    def _lost(self, sent: Sequence[Upload]) -> list[Upload]:
        """Of what the server has taken, what it does not list (with this size) afterwards."""
        there = survey((item.key for item in sent), self._bucket.list_page, workers=self._bucket.limits.threads)
        found = {**there.known, **{key: self._bucket.head(key) for key in there.unknown}}
        return [item for item in sent if (info := found[item.key]) is None or info.bytes != item.bytes]

    def _begin(self, item: Upload) -> Callable[[], bool]:
        """Send a file in one request; what comes back waits for the answer, and says whether the object was created."""
        there = self._there(item)
        creating = None
        if not there:
            digest = bytes.fromhex(item.sha256)
            creating = self._bucket.begin_create(item.key, _content(item.path), digest)

        def end() -> bool:
            created = creating is not None and creating()
            if creating is not None and not created:
                self._require_same(item, self._bucket.head(item.key))
            self._meter.add(files=1, size=item.bytes)
            return created

        return end

    def _put_large(self, item: Upload) -> bool:
        if self._there(item):
            self._meter.add(files=1, size=item.bytes)
            self._abort_leftovers(item)
            return False
        _require_unchanged(item)
        if not self._send(item):
            self._require_same(item, self._bucket.head(item.key))
            return False
        try:
            _require_unchanged(item)
        except FileChangedError:
            self._bucket.delete(item.key)
            raise
        self._meter.add(files=1)
        self._abort_leftovers(item)
        return True

    def _send(self, item: Upload) -> bool:
        """Upload in parts; False when another publisher created the object first."""
        with self._bucket.asking(f"uploading {item.key}"):
            return PartsSender(self._bucket, item, self._meter).send()

    def _there(self, item: Upload) -> bool:
        """Whether the object exists with the same content; raises when it has other content."""
        known = self._survey.known
        info = known[item.key] if item.key in known else self._bucket.head(item.key)
        if info is None:
            return False
        self._require_same(item, info)
        return True

    def _require_same(self, item: Upload, info: ObjectInfo | None) -> None:
        """The same size and SHA-256. A listing has no SHA-256, but the ETag of a small object usually is its MD5."""
        if info is None or info.bytes != item.bytes:
            raise _conflict(self._bucket.uri, item, f"{info.bytes if info else 'no'} bytes, expected {item.bytes}")
        sha256 = info.sha256
        if sha256 is None and item.bytes < LARGE and _md5(item) == info.etag:
            return
        if sha256 is None:
            head = self._bucket.head(item.key)
            sha256 = head.sha256 if head is not None else None
        if sha256 is None:
            sha256 = self._bucket.hash_object(item.key).sha256
        if sha256 != item.sha256:
            raise _conflict(self._bucket.uri, item, f"SHA-256 {sha256}, expected {item.sha256}")

    def _abort_leftovers(self, item: Upload) -> None:
        """Free the parts that killed publishers left for this key: the object exists now, so nobody can finish them."""
        place = self._bucket.at(item.key)
        client = self._bucket.client
        with suppress(Exception):  # best effort: the bucket may forbid it, and its lifecycle rule frees them too
            answer = client.list_multipart_uploads(Bucket=place["Bucket"], Prefix=place["Key"])
            for upload in answer.get("Uploads", []):
                if upload["Key"] == place["Key"]:
                    client.abort_multipart_upload(**place, UploadId=upload["UploadId"])


def _content(path: Path) -> bytes:
    with _open(path) as stream:
        return stream.read()


def _open(path: Path) -> io.BufferedReader:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise gone(path) from error


def _md5(item: Upload) -> str:
    with _open(item.path) as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _require_unchanged(item: Upload) -> None:
    """Large files are sent in parts, so that the server can't check their SHA-256: at least nobody wrote meanwhile."""
    with _open(item.path) as stream:
        status = os.fstat(stream.fileno())
    same = status.st_size == item.bytes and item.modified_ns in {None, status.st_mtime_ns}
    if not same:
        raise FileChangedError(f"{item.path} changed while it was being uploaded", hint=STILL_WRITTEN)


def _conflict(uri: str, item: Upload, difference: str) -> StoreConflictError:
    return StoreConflictError(
        f"the store {uri} already holds other content under {item.key} ({difference})",
        hint="the object was damaged or changed by hand: restore or remove it, then run the stage again",
    )
