"""The single requests to a bucket: keys below the prefix, answers as our own types, errors with a next step."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from mlops_ci.errors import MlopsError
from mlops_ci.network import retry
from mlops_ci.stores.base import ObjectInfo
from mlops_ci.stores.errors import StoreAddressError
from mlops_ci.stores.keys import check_key
from mlops_ci.stores.limits import Limits, Throttle
from mlops_ci.stores.measure import CHUNK
from mlops_ci.stores.s3_checksums import Checksum
from mlops_ci.stores.s3_client import Connection
from mlops_ci.stores.s3_errors import is_damaged, is_missing, is_taken, is_worth_sending_again, translate
from mlops_ci.stores.s3_wire import Address, Wire, address_of, is_transient, keys_of

METADATA_SHA256 = "sha256"
PAGE = 1000
# The headers of what boto3 calls so (Amazon S3 API reference, "PutObject").
HEADERS = {
    "IfNoneMatch": "if-none-match",
    "ContentType": "content-type",
    "ChecksumSHA256": "x-amz-checksum-sha256",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}


class BrokenBodyError(Exception):
    """The connection broke while an object's body was read: botocore retries requests, but not this."""

    def __init__(self, last_exception: Exception) -> None:
        super().__init__(str(last_exception))
        self.last_exception = last_exception


class Bucket:
    """The objects of one bucket below a prefix."""

    def __init__(self, connection: Connection, *, name: str, prefix: str) -> None:
        self.client = connection.client
        self._connection = connection
        self._name = name
        self._prefix = f"{prefix}/" if prefix else ""
        self._seen = False
        self.throttle = Throttle(connection.options.limits.bandwidth)
        self._wires: dict[Address, Wire] = {}
        self._lock = threading.Lock()

    @property
    def uri(self) -> str:
        """`s3://bucket/prefix`."""
        return f"s3://{self._name}/{self._prefix}".rstrip("/")

    @contextmanager
    def asking(self, doing: str) -> Iterator[None]:
        """Turn what boto3 raises into errors of ours; `doing` says what for, for example "uploading objects/ab"."""
        try:
            yield
        except MlopsError:
            raise
        except _failures() as error:
            raise translate(
                error,
                doing=f"{doing} ({self.uri})",
                address=self._connection.address,
                credentials_from=self._connection.credentials_from,
            ) from error

    @property
    def place(self) -> dict[str, str]:
        """The request parameters that name the bucket and the prefix."""
        return {"Bucket": self._name, "Prefix": self._prefix}

    def key_of(self, name: str) -> str:
        """Our key of an object that the bucket names so."""
        return name.removeprefix(self._prefix)

    def at(self, key: str) -> dict[str, Any]:
        """The request parameters that name the object."""
        return {"Bucket": self._name, "Key": self._prefix + check_key(key)}

    def head(self, key: str) -> ObjectInfo | None:
        """One HEAD; None when the bucket is there and the object is not."""
        with self.asking(f"asking for {key}"):
            try:
                answer = self.client.head_object(**self.at(key))
            except Exception as error:
                if not is_missing(error):
                    raise
            else:
                self._seen = True
                return ObjectInfo(
                    key=key,
                    bytes=int(answer["ContentLength"]),
                    sha256=answer.get("Metadata", {}).get(METADATA_SHA256),
                    etag=answer["ETag"].strip('"'),
                )
        self._require_bucket()
        return None

    @property
    def limits(self) -> Limits:
        """How much may be under way at once."""
        return self._connection.options.limits

    @property
    def encryption(self) -> dict[str, str]:
        """The parameters of a new object that say how the server encrypts it."""
        options = self._connection.options
        found = {"ServerSideEncryption": options.sse, "SSEKMSKeyId": options.sse_key}
        return {name: value for name, value in found.items() if value is not None}

    def create(self, key: str, body: bytes, digest: bytes, *, replace: bool) -> bool:
        """One PUT, which the server refuses unless the body has this SHA-256; False when the key is taken."""
        wire, lost = self._wire()
        options = self._options(key, digest, replace=replace)

        def put() -> None:
            if wire is None:
                self.throttle.take(len(body))
                metadata = {METADATA_SHA256: digest.hex()}
                self.client.put_object(**self.at(key), **options, Metadata=metadata, Body=body)
                return
            wire.put(self.at(key)["Key"], body, _headers(options, digest))

        with self.asking(f"uploading {key}"):
            try:
                retry(put, transient=lambda error: is_worth_sending_again(error) or lost(error))
            except Exception as error:
                if not is_taken(error):
                    raise
                return False
        return True

    @property
    def sends_ahead(self) -> bool:
        """Whether a request can be sent before the answer to another is there."""
        return self._wire()[0] is not None and self.throttle.free

    def begin_create(self, key: str, body: bytes, digest: bytes) -> Callable[[], bool]:
        """`create` in two steps: the request is sent, and what comes back waits for the answer.

        What can't be done in one try is done as `create` does it.
        """
        wire, lost = self._wire()
        whole = partial(self.create, key, body, digest, replace=False)
        if wire is None or not self.sends_ahead:
            return whole
        with self.asking(f"uploading {key}"):
            try:
                headers = _headers(self._options(key, digest, replace=False), digest)
                sent = wire.begin(self.at(key)["Key"], body, headers)
            except Exception as error:
                if not lost(error):
                    raise
                return whole

        def end() -> bool:
            with self.asking(f"uploading {key}"):
                try:
                    wire.end(sent)
                    return True
                except Exception as error:
                    if is_taken(error):
                        return False
                    if not (is_worth_sending_again(error) or lost(error)):
                        raise
            return whole()

        return end

    def _options(self, key: str, digest: bytes, *, replace: bool) -> dict[str, str]:
        """The parameters of a PUT, as boto3 calls them."""
        return {
            **({} if replace else {"IfNoneMatch": "*"}),
            "ContentType": "application/json" if key.endswith(".json") else "application/octet-stream",
            "ChecksumSHA256": base64.b64encode(digest).decode(),
            **self.encryption,
        }

    def put_part(self, key: str, block: memoryview, *, ident: str, number: int, checksum: Checksum, value: int) -> str:
        """One part of an upload, which the server refuses unless it has this checksum; gives its ETag."""
        (wire, lost), text = self._wire(), checksum.text(value)

        def put() -> str:
            if wire is None:
                self.throttle.take(len(block))
                answer = self.client.upload_part(
                    **self.at(key), UploadId=ident, PartNumber=number, Body=bytes(block), **{checksum.field: text}
                )
                return str(answer["ETag"])
            query = {"partNumber": str(number), "uploadId": ident}
            return wire.put(self.at(key)["Key"], block, {checksum.header: text}, query)["etag"]

        return retry(put, transient=lambda error: is_damaged(error) or lost(error))

    def _wire(self) -> tuple[Wire | None, Callable[[Exception], bool]]:
        """The short way for what is sent, and which of its errors are worth another try.

        None while boto3 has not found the way itself, or where it signs as we can't; it tries again by itself.
        """
        seen = self._connection.seen
        address = address_of(seen.url, seen.authorization, bucket=self._name, endpoint=self.client.meta.endpoint_url)
        if address is None:
            return None, lambda _: False
        with self._lock:
            if address not in self._wires:
                keys = keys_of(self._connection.session)
                self._wires[address] = Wire(address, keys, bundle=self._connection.bundle, throttle=self.throttle)
            return self._wires[address], is_transient

    def read(self, key: str, sink: Callable[[bytes], object], *, start: Callable[[], object], etag: str | None) -> None:
        """One GET, repeated whole (after `start`) when the connection breaks half-way; blocks go to `sink`."""
        condition = {"IfMatch": f'"{etag}"'} if etag is not None else {}

        def attempt() -> None:
            start()
            body = self.client.get_object(**self.at(key), **condition)["Body"]
            for block in _blocks(body):
                self.throttle.take(len(block))
                sink(block)

        retry(attempt, transient=lambda error: isinstance(error, BrokenBodyError))

    def hash_object(self, key: str) -> ObjectInfo:
        """Read the whole object."""
        digest, size = hashlib.sha256(), 0

        def start() -> None:
            nonlocal digest, size
            digest, size = hashlib.sha256(), 0

        def take(block: bytes) -> None:
            nonlocal size
            digest.update(block)
            size += len(block)

        with self.asking(f"reading {key}"):
            self.read(key, take, start=start, etag=None)
        return ObjectInfo(key=key, bytes=size, sha256=digest.hexdigest())

    def list_page(self, prefix: str, after: str = "") -> tuple[list[ObjectInfo], bool]:
        """One LIST: the first page of what comes after the key `after`, and whether there are more."""
        begin = {"StartAfter": self._prefix + after} if after else {}
        with self.asking("listing"):
            answer = self.client.list_objects_v2(Bucket=self._name, Prefix=self._prefix + prefix, MaxKeys=PAGE, **begin)
        return [self._info(one) for one in answer.get("Contents", [])], bool(answer.get("IsTruncated"))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """All pages."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self._name, Prefix=self._prefix + prefix, PaginationConfig={"PageSize": PAGE}
        )
        with self.asking("listing"):
            for page in pages:
                yield from [self._info(one) for one in page.get("Contents", [])]

    def delete(self, key: str) -> None:
        """Remove the object, if it is there."""
        with self.asking(f"deleting {key}"):
            self.client.delete_object(**self.at(key))

    def _info(self, answer: dict[str, Any]) -> ObjectInfo:
        return ObjectInfo(
            key=self.key_of(answer["Key"]),
            bytes=int(answer["Size"]),
            etag=answer["ETag"].strip('"'),
            modified=answer["LastModified"].timestamp(),
        )

    def _require_bucket(self) -> None:
        """To HEAD an absent bucket looks like an absent object. Ask once; who may not ask is told by the next write."""
        if self._seen:
            return
        with self.asking("asking for the bucket"):
            try:
                self.client.head_bucket(Bucket=self._name)
            except Exception as error:
                if is_missing(error):
                    raise StoreAddressError(
                        f"there is no bucket {self._name} at {self._connection.address}",
                        hint="create it, or correct the address of the store in the configuration",
                    ) from error
        self._seen = True


def _headers(options: dict[str, str], digest: bytes) -> dict[str, str]:
    found = {HEADERS[name]: value for name, value in options.items()}
    return {**found, f"x-amz-meta-{METADATA_SHA256}": digest.hex()}


def _failures() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError
    from s3transfer.exceptions import RetriesExceededError, S3DownloadFailedError

    return (
        BotoCoreError,
        ClientError,
        ResponseParserError,
        RetriesExceededError,
        S3DownloadFailedError,
        BrokenBodyError,
        OSError,
        RecursionError,
    )


def _blocks(body: Any) -> Iterator[bytes]:
    from botocore.exceptions import BotoCoreError, FlexibleChecksumError

    with body:
        while True:
            try:
                block = body.read(CHUNK)
            except FlexibleChecksumError:
                raise
            except BotoCoreError as error:
                raise BrokenBodyError(error) from error
            if not block:
                return
            yield block
