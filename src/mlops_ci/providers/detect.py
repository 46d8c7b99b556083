"""Which provider this process runs under: MLOPS_CI_PROVIDER, else what the environment says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TextIO

from mlops_ci.errors import UsageError
from mlops_ci.nearness import did_you_mean
from mlops_ci.providers.argo import argo_provider
from mlops_ci.providers.base import Provider
from mlops_ci.providers.github import github_provider
from mlops_ci.providers.gitlab import gitlab_provider
from mlops_ci.providers.local import local_provider

VARIABLE = "MLOPS_CI_PROVIDER"
MAKERS: Mapping[str, Callable[[Mapping[str, str], TextIO], Provider]] = {
    "local": local_provider,
    "github": github_provider,
    "gitlab": gitlab_provider,
    "argo": argo_provider,
}


class UnknownProviderError(UsageError):
    """MLOPS_CI_PROVIDER names no provider."""


def detect(environ: Mapping[str, str], stream: TextIO) -> Provider:
    """The provider, speaking on `stream`. Raises `UnknownProviderError` for a wrong MLOPS_CI_PROVIDER."""
    named = environ.get(VARIABLE)
    if named and named not in MAKERS:
        raise UnknownProviderError(
            f"{VARIABLE} is `{named}`{did_you_mean(named, MAKERS)}", hint=f"providers: {', '.join(MAKERS)}"
        )
    return MAKERS[named or _found(environ)](environ, stream)


def _found(environ: Mapping[str, str]) -> str:
    if environ.get("GITHUB_ACTIONS") == "true":
        return "github"
    if environ.get("GITLAB_CI") == "true":
        return "gitlab"
    if environ.get("ARGO_TEMPLATE") or environ.get("ARGO_NODE_ID"):
        return "argo"
    return "local"
