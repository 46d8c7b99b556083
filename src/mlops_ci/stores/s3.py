"""S3 as an object store: every object is created with If-None-Match, so that nothing is ever overwritten."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlops_ci.stores import s3_housekeeping as housekeeping
from mlops_ci.stores.base import Download, Meter, ObjectInfo, OnProgress, Unfinished, Upload
from mlops_ci.stores.errors import from_os_error, gone
from mlops_ci.stores.s3_bucket import Bucket
from mlops_ci.stores.s3_client import Connection
from mlops_ci.stores.s3_download import Downloader
from mlops_ci.stores.s3_upload import Uploader


class S3Store:
    """The objects of a bucket below a prefix."""

    def __init__(self, connection: Connection, *, bucket: str, prefix: str) -> None:
        self._bucket = Bucket(connection, name=bucket, prefix=prefix)

    @property
    def uri(self) -> str:
        """`s3://bucket/prefix`."""
        return self._bucket.uri

    def put_file(self, key: str, path: Path, *, sha256: str) -> bool:
        """See `Store.put_file`."""
        try:
            status = path.stat()
        except FileNotFoundError as error:
            raise gone(path) from error
        except OSError as error:
            raise from_os_error(error, f"reading {path}") from error
        item = Upload(key=key, path=path, sha256=sha256, bytes=status.st_size, modified_ns=status.st_mtime_ns)
        return self.put_files([item]) == (1, 0)

    def put_files(self, items: Sequence[Upload], *, on_progress: OnProgress | None = None) -> tuple[int, int]:
        """See `Store.put_files`."""
        meter = Meter(files=len(items), size=sum(item.bytes for item in items), on_progress=on_progress)
        return Uploader(self._bucket, meter).run(items)

    def put_bytes(self, key: str, data: bytes, *, only_if_absent: bool) -> bool:
        """See `Store.put_bytes`."""
        return self._bucket.create(key, data, hashlib.sha256(data).digest(), replace=not only_if_absent)

    def get_bytes(self, key: str) -> bytes:
        """See `Store.get_bytes`."""
        blocks: list[bytes] = []
        with self._bucket.asking(f"reading {key}"):
            self._bucket.read(key, blocks.append, start=blocks.clear, etag=None)
        return b"".join(blocks)

    def download(self, key: str, path: Path, *, sha256: str | None = None) -> None:
        """See `Store.download`."""
        self.download_files([Download(key=key, path=path, sha256=sha256)])

    def download_files(self, items: Sequence[Download], *, on_progress: OnProgress | None = None) -> None:
        """See `Store.download_files`."""
        meter = Meter(files=len(items), size=sum(item.bytes or 0 for item in items), on_progress=on_progress)
        Downloader(self._bucket, meter).run(items)

    def hash_object(self, key: str) -> ObjectInfo:
        """See `Store.hash_object`."""
        return self._bucket.hash_object(key)

    def head(self, key: str) -> ObjectInfo | None:
        """See `Store.head`."""
        return self._bucket.head(key)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See `Store.list`."""
        return self._bucket.list(prefix)

    def delete(self, key: str) -> None:
        """See `Store.delete`."""
        self._bucket.delete(key)

    def now(self) -> float:
        """See `Store.now`."""
        return housekeeping.now(self._bucket)

    def unfinished(self) -> Iterator[Unfinished]:
        """See `Store.unfinished`."""
        return housekeeping.unfinished(self._bucket)

    def abandon(self, upload: Unfinished) -> None:
        """See `Store.abandon`."""
        housekeeping.abandon(self._bucket, upload)
