"""The identity of a GitHub job: a short-lived token that an object store trusts instead of a long-lived key (OIDC).

Request and answer: docs.github.com, "OpenID Connect reference".
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from mlops_ci.errors import InfrastructureError, MissingError
from mlops_ci.network import RetryPolicy, retry

URL, TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # names of variables
SECONDS = 20.0


class NoIdentityError(MissingError):
    """The job may not ask for an identity."""


class IdentityUnavailableError(InfrastructureError):
    """The server did not give the job its identity."""


def identity_token(
    environ: Mapping[str, str], audience: str, *, bundle: Path | None = None, policy: RetryPolicy | None = None
) -> str:
    """A token for `audience`. Raises `NoIdentityError` or `IdentityUnavailableError`."""
    url, bearer = environ.get(URL), environ.get(TOKEN)
    if not url or not bearer or urlsplit(url).scheme not in ("https", "http"):
        raise NoIdentityError(
            "a role is named, and this job may not ask for an identity",
            hint="grant `id-token: write` where you call the workflow (docs/ci/github.md), or leave the role out",
        )
    asked = Request(f"{url}&audience={quote(audience, safe='')}", headers={"Authorization": f"bearer {bearer}"})  # noqa: S310  # its scheme was looked at
    return retry(
        lambda: _ask(asked, bundle),
        transient=lambda error: isinstance(error, IdentityUnavailableError),
        policy=policy,
    )


def _ask(asked: Request, bundle: Path | None) -> str:
    context = ssl.create_default_context(cafile=str(bundle) if bundle else None)
    hint = "is the server reached from this runner, and is its proxy set? The same command tries again"
    try:
        with urlopen(asked, timeout=SECONDS, context=context) as answer:  # noqa: S310  # see above
            return str(json.loads(answer.read())["value"])
    except HTTPError as error:
        error.close()
        if error.code in (401, 403, 404):
            raise NoIdentityError(
                f"the server refuses this job an identity (status {error.code})", hint="grant it `id-token: write`"
            ) from error
        raise IdentityUnavailableError(f"no identity for this job: status {error.code}", hint=hint) from error
    except (URLError, OSError, ValueError, KeyError, TypeError) as error:
        raise IdentityUnavailableError(f"no identity for this job: {error}", hint=hint) from error
