"""Downloads: each file appears whole and checked, small ones in parallel, large ones in parallel ranges."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mlops_ci.stores.accept import accept
from mlops_ci.stores.base import Download, Meter
from mlops_ci.stores.drafts import Draft, draft
from mlops_ci.stores.errors import ObjectChangedError, ObjectMissingError
from mlops_ci.stores.measure import measure
from mlops_ci.stores.parallel import in_parallel
from mlops_ci.stores.s3_bucket import Bucket
from mlops_ci.stores.s3_errors import is_taken
from mlops_ci.stores.s3_transfers import LARGE, known_subscriber, progress_subscriber, transfer_manager


class Downloader:
    """One call of `download_files`."""

    def __init__(self, bucket: Bucket, meter: Meter) -> None:
        self._bucket = bucket
        self._meter = meter

    def run(self, items: Sequence[Download]) -> None:
        """Fetch all; the first error ends it, and what is there by then is whole."""
        sized = in_parallel(self._with_size, items, workers=self._bucket.limits.threads)
        small = [item for item, size in sized if size < LARGE]
        in_parallel(self._fetch_small, small, workers=self._bucket.limits.threads)
        large = [(item, size) for item, size in sized if size >= LARGE]
        if large:
            with transfer_manager(self._bucket.client, self._bucket.limits) as manager:
                for item, size in large:
                    self._fetch_large(item, size, manager)

    def _with_size(self, item: Download) -> tuple[Download, int]:
        if item.bytes is not None:
            return item, item.bytes
        info = self._bucket.head(item.key)
        if info is None:
            raise ObjectMissingError(
                f"the store {self._bucket.uri} has no object {item.key}", hint="check the store's address and the key"
            )
        return item, info.bytes

    def _fetch_small(self, item: Download) -> None:
        digest = hashlib.sha256()
        with self._writing(item) as fresh:

            def start() -> None:
                nonlocal digest
                digest = hashlib.sha256()
                fresh.stream.seek(0)
                fresh.stream.truncate()

            def take(block: bytes) -> None:
                digest.update(block)
                fresh.stream.write(block)

            self._bucket.read(item.key, take, start=start, etag=item.etag)
            accept(item, fresh, size=fresh.stream.tell(), sha256=digest.hexdigest(), uri=self._bucket.uri)
        self._meter.add(files=1, size=item.bytes or 0)

    def _fetch_large(self, item: Download, size: int, manager: Any) -> None:
        place = self._bucket.at(item.key)
        with self._writing(item) as fresh:
            manager.download(
                place["Bucket"],
                place["Key"],
                fresh.stream,
                subscribers=[known_subscriber(size, item.etag), progress_subscriber(self._meter)],
            ).result()
            fresh.stream.flush()
            # Ranges come in any order, so that only the finished file can be hashed.
            sha256 = measure(fresh.path).sha256 if item.sha256 is not None else None
            accept(item, fresh, size=fresh.path.stat().st_size, sha256=sha256, uri=self._bucket.uri)
        self._meter.add(files=1)

    @contextmanager
    def _writing(self, item: Download) -> Iterator[Draft]:
        with self._bucket.asking(f"downloading {item.key}"), draft(item.path.parent) as fresh:
            try:
                yield fresh
            except Exception as error:
                if is_taken(error):
                    raise ObjectChangedError(
                        f"{item.key} in {self._bucket.uri} was replaced while it was being fetched",
                        hint="wait until nobody writes there any more, and run the stage again",
                    ) from error
                raise
