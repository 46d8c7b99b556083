"""From an address in the configuration to a store."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlops_ci.stores.base import Store
from mlops_ci.stores.errors import StoreAddressError
from mlops_ci.stores.keys import problem_with
from mlops_ci.stores.limits import StoreOptions

# What S3 servers accept as bucket names (AWS user guide, "General purpose bucket naming rules").
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_EXAMPLES = 'write "s3://bucket/prefix", or a folder'


def open_store(
    uri: str,
    *,
    endpoint: str | None = None,
    region: str | None = None,
    ca_bundle: str | Path | None = None,
    options: StoreOptions = StoreOptions(),
) -> Store:
    """The store at `uri`: `s3://bucket/prefix`, `file:///folder`, or a folder (relative to the current one).

    `endpoint`, `region`, `ca_bundle` and `options` matter for S3 only; without the first three the AWS variables and
    configuration files decide. The store is not asked yet. Raises `StoreAddressError`, and `MissingExtraError` when
    boto3 is not installed.
    """
    if uri.startswith("s3://"):
        from mlops_ci.stores.s3 import S3Store
        from mlops_ci.stores.s3_client import connect

        bucket, prefix = split_s3(uri)
        connection = connect(endpoint=endpoint, region=region, ca_bundle=ca_bundle, options=options)
        return S3Store(connection, bucket=bucket, prefix=prefix)
    from mlops_ci.stores.local import LocalStore

    return LocalStore(local_folder(uri))


def split_s3(uri: str) -> tuple[str, str]:
    """Bucket and prefix (without slashes at its ends) of an S3 address."""
    bucket, _, rest = uri.removeprefix("s3://").partition("/")
    if not BUCKET.fullmatch(bucket):
        raise StoreAddressError(f"{uri!r} names no valid S3 bucket: {bucket!r}", hint=_EXAMPLES)
    prefix = rest.strip("/")
    problem = problem_with(prefix) if prefix else None
    if problem is not None:
        raise StoreAddressError(f"{uri!r} names no usable prefix: {problem}", hint=_EXAMPLES)
    return bucket, prefix


def local_folder(uri: str) -> Path:
    """The folder that `uri` names."""
    if uri.startswith("file://"):
        parts = urlsplit(uri)
        if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
            raise StoreAddressError(f"{uri!r} is no file of this machine", hint="write file:///absolute/folder")
        return Path(unquote(parts.path))
    if SCHEME.match(uri):
        raise StoreAddressError(f"{uri!r} has a scheme that no store of ours speaks", hint=_EXAMPLES)
    if not uri.strip() or "\0" in uri:
        raise StoreAddressError("the address of the store is empty", hint=_EXAMPLES)
    return Path(uri).expanduser()
