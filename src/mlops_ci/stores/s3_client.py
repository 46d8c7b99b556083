"""The boto3 client: addressing, TLS, retries, and the conditional completion of multipart uploads."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlops_ci.errors import MissingError
from mlops_ci.network import RetryPolicy, ca_bundle
from mlops_ci.redaction import Redactor
from mlops_ci.stores.limits import StoreOptions
from mlops_ci.stores.s3_errors import translate

CONNECT_SECONDS = 10
READ_SECONDS = 60
ENDPOINT_NAMES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


class MissingExtraError(MissingError):
    """A part of mlops-ci that this configuration needs is not installed."""


@dataclass
class Seen:
    """The newest request that boto3 has signed: address and `Authorization`. A redirection to another region counts."""

    url: str = ""
    authorization: str = ""

    def note(self, request: Any, **_: Any) -> None:
        """Called by boto3 before each request is sent."""
        said = request.headers.get("Authorization", "")
        self.url, self.authorization = request.url, said.decode() if isinstance(said, bytes) else str(said)


@dataclass(frozen=True, kw_only=True)
class Connection:
    """A client, and what errors say about it: the server's address and where the credentials come from."""

    client: Any
    session: Any
    address: str
    bundle: Path | None = None
    options: StoreOptions = StoreOptions()
    seen: Seen = field(default_factory=Seen)

    @property
    def credentials_from(self) -> str:
        """boto3's name of the place that the credentials came from."""
        try:
            found = self.session.get_credentials()
        except Exception:  # noqa: BLE001 - only decorates the message of the error that is being reported
            return "unreadable"
        return str(found.method) if found is not None else "nowhere"


def connect(
    *, endpoint: str | None, region: str | None, ca_bundle: str | Path | None, options: StoreOptions = StoreOptions()
) -> Connection:
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
        _read_dates_quickly(session)
        bundle = _bundle(ca_bundle)

        def client(*, path_style: bool) -> Any:
            config = _config(options, path_style=path_style)
            where = _region(session, region, named)
            return session.client("s3", endpoint_url=named, region_name=where, verify=bundle, config=config)

        made = client(path_style=bool(named))
        if not named and not _is_aws(made.meta.endpoint_url):
            # The AWS configuration file names another server: only now is that known.
            made = client(path_style=True)
    except (BotoCoreError, ValueError) as error:
        raise translate(error, doing="setting up the S3 client", address=_shown(named or "AWS S3")) from error
    connection = Connection(
        client=made,
        session=session,
        address=_shown(made.meta.endpoint_url),
        bundle=Path(bundle or _botocores_bundle(session)),
        options=options,
    )
    made.meta.events.register("provide-client-params.s3.CompleteMultipartUpload", _only_if_absent)
    made.meta.events.register("before-send.s3", connection.seen.note)
    return connection


def _config(options: StoreOptions, *, path_style: bool) -> Any:
    from botocore.config import Config

    return Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        # A managed download has threads of its own.
        max_pool_connections=2 * options.limits.threads,
        # The number of attempts is the tool's own; the back-off per request must be botocore's, since only it can
        # rewind what it has sent.
        retries={"mode": "standard", "total_max_attempts": RetryPolicy().attempts},
        s3={"addressing_style": "path"} if path_style else None,
    )


def _read_dates_quickly(session: Any) -> None:
    """Of 1,000 listed objects botocore reads the dates for a third of a second, by a parser of any form of date."""
    from botocore.utils import parse_timestamp

    def parse(value: Any) -> Any:
        try:
            return datetime.fromisoformat(value)
        except (TypeError, ValueError):
            return parse_timestamp(value)

    factory = session._session.get_component("response_parser_factory")  # noqa: SLF001 - see _botocores_bundle
    factory.set_parser_defaults(timestamp_parser=parse)


def _botocores_bundle(session: Any) -> str:
    """What botocore trusts where nothing of ours says otherwise."""
    from botocore.httpsession import get_cert_path

    configured = session._session.get_config_variable("ca_bundle")  # noqa: SLF001 - boto3 has no other way to its settings
    return str(configured or get_cert_path(verify=True))


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
