"""Credentials for registries, from where the `docker` command keeps them: `config.json` and its credential helpers."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci import process
from mlops_ci.errors import MissingError
from mlops_ci.registry.reference import HUB

# Under this name the `docker` command keeps the credentials of Docker Hub.
HUB_KEY = "https://index.docker.io/v1/"
HELPER_SECONDS = 20.0
# A credential helper's user name for a token that is exchanged, not sent (Docker credential helper protocol).
IDENTITY_TOKEN_USER = "<token>"  # noqa: S105


class CredentialsError(MissingError):
    """The stored credentials cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A user name with a password, or an identity token."""

    user: str = ""
    password: str = ""
    identity_token: str = ""


def credentials_for(host: str, *, folder: Path | None = None) -> Credentials | None:
    """The credentials for a registry's host; None when there are none. Raises `CredentialsError`."""
    path = (folder or Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")) / "config.json"
    try:
        config: dict[str, Any] = dict(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise CredentialsError(
            f"{path} cannot be read: {error}", hint="repair the file, or run `docker login` again"
        ) from error
    names = [HUB_KEY] if host == HUB else [host, f"https://{host}", f"https://{host}/", f"https://{host}/v2/"]
    for name in names:
        helper = config.get("credHelpers", {}).get(name) or config.get("credsStore")
        found = _from_helper(helper, name) if helper else None
        found = found or _from_file(config.get("auths", {}).get(name), path)
        if found is not None:
            return found
    return None


def _from_file(entry: Mapping[str, Any] | None, path: Path) -> Credentials | None:
    if not entry:
        return None
    if entry.get("identitytoken"):
        return Credentials(identity_token=str(entry["identitytoken"]))
    if not entry.get("auth"):
        return None
    try:
        user, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
    except ValueError as error:
        raise CredentialsError(f"an `auth` entry of {path} is no base64", hint="run `docker login` again") from error
    return Credentials(user=user, password=password.rstrip("\0"))


def _from_helper(helper: str, name: str) -> Credentials | None:
    """Ask `docker-credential-HELPER`; a helper that knows nothing of the registry is no error."""
    finished = process.run(
        [f"docker-credential-{helper}", "get"], stdin=name.encode(), timeout=HELPER_SECONDS, check=False
    )
    if finished.exit_code != 0:
        if "credentials not found" in f"{finished.stdout}{finished.stderr}".lower():
            return None
        raise CredentialsError(
            f"docker-credential-{helper} failed with exit code {finished.exit_code}",
            hint="run it by hand, or run `docker login` again",
            details=finished.tail(5),
        )
    try:
        answer = json.loads(finished.stdout)
        user, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError) as error:
        raise CredentialsError(
            f"docker-credential-{helper} answered what is no credential", hint="update it, or run `docker login` again"
        ) from error
    return (
        Credentials(identity_token=secret) if user == IDENTITY_TOKEN_USER else Credentials(user=user, password=secret)
    )
