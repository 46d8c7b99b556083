"""boto3's managed downloads of large objects: parallel ranges, cancelled as a whole."""

from __future__ import annotations

from typing import Any

from mlops_ci.stores.base import Meter
from mlops_ci.stores.limits import Limits

# From this size on an object travels in parallel parts.
LARGE = 16 << 20
# Below this size many files are sent at once, each of which is in memory until the server has answered.
SMALL = 1 << 20
# Ranges of 8 MiB measure as fast as larger ones on one machine.
PART = 8 << 20


def transfer_manager(client: Any, limits: Limits) -> Any:
    """A context manager; leaving it by an exception cancels what runs.

    Always the classic implementation: the CRT one ignores custom endpoints (boto3 issue 4839) and would send to AWS.
    """
    from boto3.s3.transfer import TransferConfig, create_transfer_manager

    config = TransferConfig(
        multipart_threshold=LARGE,
        multipart_chunksize=PART,
        max_concurrency=limits.ranges,
        max_bandwidth=limits.bandwidth,
        preferred_transfer_client="classic",
    )
    return create_transfer_manager(client, config)


def progress_subscriber(meter: Meter) -> Any:
    """Counts the bytes of one transfer as they go."""
    from s3transfer.subscribers import BaseSubscriber

    class Subscriber(BaseSubscriber):
        def on_progress(self, future: Any, bytes_transferred: int, **kwargs: Any) -> None:  # noqa: ARG002
            meter.add(size=bytes_transferred)

    return Subscriber()


def known_subscriber(size: int, etag: str | None) -> Any:
    """Tells a download what is known of the object, which saves a HEAD; with `etag` another version is refused."""
    from s3transfer.subscribers import BaseSubscriber

    class Subscriber(BaseSubscriber):
        def on_queued(self, future: Any, **kwargs: Any) -> None:  # noqa: ARG002
            future.meta.provide_transfer_size(size)
            if etag is not None and hasattr(future.meta, "provide_object_etag"):
                future.meta.provide_object_etag(f'"{etag}"')

    return Subscriber()
