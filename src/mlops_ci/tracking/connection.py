"""The one place that talks to MLflow: a client behind our retries, with its errors in our words.

The client is our own, in plain HTTP, or MLflow's where the environment asks for what only that can do. MLflow is
imported here alone, and only then.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import warnings
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from packaging.version import InvalidVersion, Version

from mlops_ci.errors import MlopsError
from mlops_ci.network import RetryPolicy, ca_bundle, retry
from mlops_ci.redaction import Redactor
from mlops_ci.tracking import rest_answers
from mlops_ci.tracking.address import take_credentials
from mlops_ci.tracking.constants import constants
from mlops_ci.tracking.errors import (
    TrackingAccessError,
    TrackingClientMissingError,
    TrackingDownError,
    TrackingExistsError,
    TrackingNotFoundError,
    TrackingRefusedError,
    TrackingTooOldError,
)
from mlops_ci.tracking.rest import CERTIFICATES, INSECURE, RestError, ordinary
from mlops_ci.tracking.rest_client import RestClient

T = TypeVar("T")

ONCE = RetryPolicy(attempts=1)
# The part of a chain of nested network errors that says what happened.
REASONS = re.compile(
    r"\[Errno -?\d+\] (?P<errno>[^'\")\]]+)|(?P<tls>CERTIFICATE_VERIFY_FAILED)|(?P<timeout>[Tt]imed out|timeout)"
    r"|too many (?P<status>\d{3}) error responses|(?P<closed>Connection aborted|RemoteDisconnected)"
)


class Connection:
    """One MLflow server. `uri` is its address without credentials; they come from MLflow's environment variables."""

    def __init__(self, uri: str, redactor: Redactor | None = None, *, policy: RetryPolicy | None = None) -> None:
        self.redactor = redactor or Redactor()
        self.uri = take_credentials(uri, self.redactor)
        self._policy = policy or constants().client.retry
        self._checked = False

    def ask(self, doing: str, call: Callable[[Any], T], *, policy: RetryPolicy | None = None) -> T:
        """What `call(client)` gives. `doing` completes "while ..." in errors.

        A call that could not be answered is repeated, so it must first look whether it was carried out already.
        Raises `TrackingDownError`, `TrackingAccessError`, `TrackingNotFoundError`, `TrackingExistsError` or
        `TrackingRefusedError`.
        """
        client = self._client

        def attempt() -> T:
            try:
                return call(client)
            except MlopsError:
                raise
            except Exception as error:
                if not _is_answer_problem(error):
                    raise
                raise self._translated(error, doing) from error

        return retry(
            attempt,
            transient=lambda error: isinstance(error, TrackingDownError),
            policy=policy or self._policy,
        )

    def check(self) -> None:
        """Raises unless the server answers us and is new enough. Asked once."""
        if self._checked:
            return
        self.ask("asking for its experiments", lambda client: client.search_experiments(max_results=1))
        found = self.ask("asking for its version", _server_version)
        oldest = constants().client.oldest_server
        if found is not None and found < Version(oldest):
            raise TrackingTooOldError(
                f"the MLflow server at {self.uri} is version {found}; {oldest} or newer is needed",
                hint="update the server, or leave [tracking] uri out for a server of our own",
            )
        self._checked = True

    @property
    def entities(self) -> Any:
        """`Metric`, `Param` and `RunTag` as the client takes them."""
        return rest_answers if self._plain else mlflow().entities

    @cached_property
    def _plain(self) -> bool:
        return ordinary(os.environ, Path.home())

    @cached_property
    def _client(self) -> Any:
        if self.uri.startswith("https:") and INSECURE not in os.environ and (bundle := ca_bundle()):
            os.environ.setdefault(CERTIFICATES, str(bundle))
        if self._plain:
            return RestClient(self.uri)
        return mlflow().MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def _translated(self, error: Exception, doing: str) -> MlopsError:
        text = self.redactor.clean(str(getattr(error, "message", "") or error))
        code = str(getattr(error, "error_code", "INTERNAL_ERROR"))
        status = _status(error)
        if status in (401, 403):
            return self._access_error(status, text, doing)
        if status >= 500 or status in (408, 429):
            return self._down_error(text, doing)
        kind = {
            "RESOURCE_DOES_NOT_EXIST": TrackingNotFoundError,
            "NOT_FOUND": TrackingNotFoundError,
            "RESOURCE_ALREADY_EXISTS": TrackingExistsError,
            "ALREADY_EXISTS": TrackingExistsError,
        }.get(code, TrackingRefusedError)
        if code == "ENDPOINT_NOT_FOUND":
            return TrackingRefusedError(
                f"{self.uri} does not know what MLflow's client asks for (while {doing})",
                hint="is this the address of an MLflow server, with its path prefix, of version "
                f"{constants().client.oldest_server} or newer?",
            )
        return kind(
            f"the MLflow server at {self.uri} refused, while {doing}: {_short(text)}",
            hint="change what the message names; the server's log may say more",
        )

    def _access_error(self, status: int, text: str, doing: str) -> TrackingAccessError:
        if "Host header" in text:
            return TrackingAccessError(
                f"the MLflow server at {self.uri} does not serve under this name (while {doing})",
                hint="start it with --allowed-hosts that lists this host and port, or use the name that it lists",
            )
        if status == 401:
            cause = f"the MLflow server at {self.uri} does not accept our credentials, or got none (while {doing})"
        else:
            cause = f"our credentials do not permit this on the MLflow server at {self.uri} (while {doing})"
        return TrackingAccessError(
            cause, hint="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )

    def _down_error(self, text: str, doing: str) -> TrackingDownError:
        reason = _reason(text)
        hint = f"is it running? `curl {self.uri}/health` asks it; correct [tracking] uri if the address is wrong"
        if "certificate" in reason:
            hint = "put the authority that signed its certificate into SSL_CERT_FILE"
        return TrackingDownError(
            f"the MLflow server at {self.uri} could not be asked, while {doing}: {reason}", hint=hint
        )


@cache
def mlflow() -> ModuleType:
    """The library, imported in silence and without telemetry."""
    numbers = constants().client
    os.environ.update(numbers.fixed)
    for name, value in numbers.defaults.items():
        os.environ.setdefault(name, value)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import mlflow as library
            import mlflow.entities
            import mlflow.tracking
    except ImportError as error:
        raise TrackingClientMissingError(
            f"MLflow's client can't be imported: {error}", hint='pip install "mlops-ci[mlflow]"'
        ) from error
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    module: ModuleType = library
    return module


def _is_answer_problem(error: Exception) -> bool:
    """Whether this is the server's or the network's doing, not a bug of ours."""
    if isinstance(error, RestError):
        return True
    import requests

    if isinstance(error, requests.RequestException):
        return True
    return "mlflow" in sys.modules and isinstance(error, mlflow().MlflowException)


def already_there(error: Exception) -> bool:
    """Whether a server refused to make what it has: with this error of either client."""
    return str(getattr(error, "error_code", "")) == "RESOURCE_ALREADY_EXISTS"


def _status(error: Exception) -> int:
    """The HTTP status that an error stands for; 500 for what never got an answer."""
    response = getattr(error, "response", None)
    if response is not None:
        return int(response.status_code)
    asked = getattr(error, "get_http_status_code", None)
    return int(asked()) if asked is not None else 500


def _server_version(client: Any) -> Version | None:
    """The server's version; None when it does not say."""
    said = client.server_version() if isinstance(client, RestClient) else _asked_by_mlflow(client.tracking_uri)
    try:
        return Version(said) if said else None
    except InvalidVersion:
        return None


def _asked_by_mlflow(uri: str) -> str | None:
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    answer = http_request(get_default_host_creds(uri), "/version", "GET")
    return str(answer.text).strip() if answer.status_code == 200 else None


def _reason(text: str) -> str:
    """What happened, in a few words, from the long text of a nested network error."""
    matches = list(REASONS.finditer(text))
    if not matches:
        return _short(text)
    # The innermost cause stands last.
    found = matches[-1]
    if found["errno"]:
        return found["errno"].strip().lower()
    if found["tls"]:
        return "its certificate is not trusted"
    if found["timeout"]:
        return "it did not answer in time"
    return f"it answers with status {found['status']}" if found["status"] else "it closed the connection"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 300 else line[:297] + "..."
