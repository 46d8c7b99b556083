"""The boto3 client: addressing, TLS, retries, and the conditional completion of multipart uploads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlops_ci.errors import MissingError
from mlops_ci.network import RetryPolicy, ca_bundle
from mlops_ci.redaction import Redactor
from mlops_ci.stores.s3_errors import translate

CONNECT_SECONDS = 10
READ_SECONDS = 60
# Parallel requests; the connection pool holds twice as many, since a managed transfer has threads of its own.
WORKERS = 16
ENDPOINT_NAMES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


class MissingExtraError(MissingError):
    """A part of mlops-ci that this configuration needs is not installed."""


@dataclass(frozen=True, kw_only=True)
class Connection:
    """A client, and what errors say about it: the server's address and where the credentials come from."""

    client: Any
    session: Any
    address: str

    @property
    def credentials_from(self) -> str:
        """boto3's name of the place that the credentials came from."""
        try:
            found = self.session.get_credentials()
        except Exception:  # noqa: BLE001 - only decorates the message of the error that is being reported
            return "unreadable"
        return str(found.method) if found is not None else "nowhere"


def connect(*, endpoint: str | None, region: str | None, ca_bundle: str | Path | None) -> Connection:
    """A client for the S3 server at `endpoint`, else where this machine's AWS settings point. It is not asked yet."""
    try:
        import boto3
    except ImportError as error:
        raise MissingExtraError(
            "an S3 address is configured, and boto3 is not installed", hint='pip install "mlops-ci[s3]"'
        ) from error
    from botocore.exceptions import BotoCoreError

    named = endpoint or next((os.environ[name] for name in ENDPOINT_NAMES if os.environ.get(name)), None)
    try:
        session = boto3.Session()
        client = _client(session, endpoint=named, region=region, configured_bundle=ca_bundle, path_style=bool(named))
        if not named and not _is_aws(client.meta.endpoint_url):
            # The AWS configuration file names another server: only now is that known.
            client = _client(session, endpoint=None, region=region, configured_bundle=ca_bundle, path_style=True)
    except (BotoCoreError, ValueError) as error:
        raise translate(error, doing="setting up the S3 client", address=_shown(named or "AWS S3")) from error
    client.meta.events.register("provide-client-params.s3.CompleteMultipartUpload", _only_if_absent)
    return Connection(client=client, session=session, address=_shown(client.meta.endpoint_url))


def bulk_checksum() -> str | None:
    """The checksum of large uploads: CRC64NVME where `awscrt` computes it (five times cheaper), else boto3's own."""
    try:
        from awscrt import checksums
    except ImportError:
        return None
    return "CRC64NVME" if hasattr(checksums, "crc64nvme") else None


def _client(
    session: Any, *, endpoint: str | None, region: str | None, configured_bundle: str | Path | None, path_style: bool
) -> Any:
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=2 * WORKERS,
        # The number of attempts is the tool's own; the back-off per request must be botocore's, since only it can
        # rewind a part of a multipart upload.
        retries={"mode": "standard", "total_max_attempts": RetryPolicy().attempts},
        s3={"addressing_style": "path"} if path_style else None,
    )
    return session.client(
        "s3",
        endpoint_url=endpoint,
        region_name=_region(session, region, endpoint),
        verify=_bundle(configured_bundle),
        config=config,
    )


def _region(session: Any, region: str | None, endpoint: str | None) -> str | None:
    """Servers other than AWS rarely care, but a signature needs a region."""
    return region or session.region_name or ("us-east-1" if endpoint else None)


def _bundle(configured: str | Path | None) -> str | None:
    """The CA bundle to verify with; None leaves it to botocore (and to AWS_CA_BUNDLE, which is meant for it)."""
    if configured is None and os.environ.get("AWS_CA_BUNDLE"):
        return None
    found = ca_bundle(configured)
    return str(found) if found is not None else None


def _only_if_absent(params: dict[str, Any], **_: Any) -> None:
    """Objects are created, never replaced. `upload_file` has no argument for it (boto3 issue 4366).

    AWS decides this atomically. Other servers may let several who complete at the same moment through, which is
    harmless as long as large files go to keys that name their content.
    """
    params["IfNoneMatch"] = "*"


def _is_aws(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def _shown(url: str) -> str:
    return Redactor().clean(url)
