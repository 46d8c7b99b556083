"""Addresses of MLflow servers, with and without what must not be seen."""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit, urlunsplit

from mlops_ci.redaction import Redactor
from mlops_ci.tracking.errors import TrackingAddressError

USERNAME = "MLFLOW_TRACKING_USERNAME"
PASSWORD = "MLFLOW_TRACKING_PASSWORD"  # the name of a variable  # noqa: S105
TOKEN = "MLFLOW_TRACKING_TOKEN"  # the name of a variable  # noqa: S105
CREDENTIALS = (USERNAME, PASSWORD, TOKEN)


def public(uri: str) -> str:
    """The address without credentials, query and trailing slash: fit for records and logs.

    Raises `TrackingAddressError` for anything but `http` and `https`.
    """
    hint = 'write it as "https://mlflow.example", or leave [tracking] uri out for a server of our own'
    try:
        parts = urlsplit(uri)
        known = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError as error:
        raise TrackingAddressError(f"the tracking address can't be understood: {error}", hint=hint) from error
    if not known:
        scheme = parts.scheme or "no scheme"
        raise TrackingAddressError(f"the tracking address must begin with http:// or https://, not {scheme}", hint=hint)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))


def take_credentials(uri: str, redactor: Redactor) -> str:
    """The public address; a user name and password in `uri` move into MLflow's environment variables.

    Variables that are set already win. Their values, and these, are hidden from now on.
    """
    address = public(uri)
    parts = urlsplit(uri)
    for name, value in ((USERNAME, parts.username), (PASSWORD, parts.password)):
        if value:
            os.environ.setdefault(name, unquote(value))
    for name in (PASSWORD, TOKEN):
        redactor.add(os.environ.get(name, ""))
    if parts.password:
        redactor.add(unquote(parts.password))
    return address


def run_link(address: str, experiment_id: str, run_id: str) -> str:
    """The page of a run in MLflow's user interface."""
    return f"{address}/#/experiments/{experiment_id}/runs/{run_id}"
