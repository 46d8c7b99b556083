"""MLflow's REST API in plain HTTP.

MLflow's own client is 1,800 modules, which cost each command one and a half seconds. Where only that one can do what
the environment asks for, it is used: `ordinary` says so.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_ci.tracking.address import PASSWORD, TOKEN, USERNAME
from mlops_ci.tracking.constants import constants
from mlops_ci.tracking.errors import TrackingClientMissingError
from mlops_ci.version import version

if TYPE_CHECKING:
    import requests

API = "/api/2.0/mlflow"
CERTIFICATES = "MLFLOW_TRACKING_SERVER_CERT_PATH"
OWN_CERTIFICATE = "MLFLOW_TRACKING_CLIENT_CERT_PATH"
INSECURE = "MLFLOW_TRACKING_INSECURE_TLS"
TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
# What a server answers that can't answer now.
BUSY = frozenset({408, 429, 500, 502, 503, 504})
PLUGINS = ("[mlflow.request_header_provider]", "[mlflow.request_auth_provider]")


class RestError(Exception):
    """An answer that is no result: MLflow's name of the problem, its words, and the HTTP status."""

    def __init__(self, message: str, *, error_code: str = "INTERNAL_ERROR", status: int = 500) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = error_code
        self.status = status

    def get_http_status_code(self) -> int:
        """The status, by the name that MLflow's own errors have for it."""
        return self.status


def ordinary(environ: Mapping[str, str], home: Path) -> bool:
    """Whether the environment asks for nothing of MLflow's client that plain HTTP can't do.

    Signed requests, workspaces, a file of credentials and plugins are its own business.
    """
    known = constants().client.plain
    special = [name for name in environ if name.startswith(tuple(known.watched)) and name not in known.variables]
    if any(environ[name] for name in special) or (home / ".mlflow" / "credentials").exists():
        return False
    # Not `entry_points()`, which parses what every installed package offers.
    offered = (one.read_text("entry_points.txt") or "" for one in importlib.metadata.distributions())
    return not any(group in text for text in offered for group in PLUGINS)


class Rest:
    """One server. Credentials are those of MLflow's environment variables."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._session = _library().Session()

    def get(self, path: str, **query: object) -> dict[str, Any]:
        """The answer to a question."""
        return self._json("GET", API + path, params=_present(query))

    def post(self, path: str, **body: object) -> dict[str, Any]:
        """The answer to a request that changes something, or that asks at length."""
        return self._json("POST", API + path, json=_present(body))

    def patch(self, path: str, **body: object) -> dict[str, Any]:
        """The answer to a change."""
        return self._json("PATCH", API + path, json=_present(body))

    def upload(self, path: str, file: Path, media_type: str) -> None:
        """PUT a file at a path of the server."""
        with file.open("rb") as content:
            answer = self.ask("PUT", path, data=content, headers={"Content-Type": media_type})
        if answer.status_code != 200:
            raise _refusal(answer)

    def ask(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> Any:
        """The `requests.Response` to any request; `requests.RequestException` when there is none."""
        environ = os.environ
        user, password, token = (environ.get(name) for name in (USERNAME, PASSWORD, TOKEN))
        said = {"User-Agent": f"mlops-ci/{version()}", **(headers or {})}
        if user and password:
            # Bytes: as text they would have to be Latin-1.
            said["Authorization"] = _library().auth._basic_auth_str(user.encode(), password.encode())  # noqa: SLF001
        elif token:
            said["Authorization"] = f"Bearer {token}"
        insecure = environ.get(INSECURE, "").lower() in ("true", "1")
        answer = self._session.request(
            method,
            self.uri + path,
            headers=said,
            timeout=float(environ.get(TIMEOUT) or constants().client.defaults[TIMEOUT]),
            verify=False if insecure else environ.get(CERTIFICATES) or True,
            cert=environ.get(OWN_CERTIFICATE) or None,
            **more,
        )
        if answer.status_code in BUSY:
            raise RestError(f"too many {answer.status_code} error responses", status=answer.status_code)
        return answer

    def _json(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = self.ask(method, path, **more)
        if answer.status_code != 200:
            raise _refusal(answer)
        found = _object(answer.text or "{}")
        if found is None:
            raise RestError(f"the answer to {path} is no JSON object: {answer.text}")
        return found


def _refusal(answer: requests.Response) -> RestError:
    status = answer.status_code
    found = _object(answer.text) or {}
    missing = "ENDPOINT_NOT_FOUND" if status == 404 else "BAD_REQUEST"
    return RestError(
        str(found.get("message") or answer.text or answer.reason),
        error_code=str(found.get("error_code") or missing),
        status=status,
    )


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _present(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _library() -> Any:
    try:
        import requests
        import requests.auth
    except ImportError as error:
        raise TrackingClientMissingError(
            f"what asks MLflow's server can't be imported: {error}", hint='pip install "mlops-ci[mlflow]"'
        ) from error
    return requests
