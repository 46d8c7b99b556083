"""What a CI system puts around a command: credentials that may be empty, a registry of its own."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from contextlib import ExitStack

from mlops_ci.console import Console
from mlops_ci.images.naming import check_registry
from mlops_ci.registry.login import logged_in
from mlops_ci.settings.settings import Settings

USER, PASSWORD = "MLOPS_CI_REGISTRY_USERNAME", "MLOPS_CI_REGISTRY_PASSWORD"  # names of variables
DEFAULT_REGISTRY = "MLOPS_CI_DEFAULT_REGISTRY"
CREDENTIALS = (
    USER,
    PASSWORD,
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
)


def drop_empty(environ: MutableMapping[str, str]) -> None:
    """Take out credentials without a value: a secret that nobody set reaches us as an empty variable, and the libraries
    that read it would take it for one that is set.
    """
    for name in CREDENTIALS:
        if environ.get(name) == "":
            del environ[name]


def default_registry(settings: Settings, engine: str, environ: Mapping[str, str]) -> str | None:
    """The CI system's own registry, where the settings name none and there are images to keep in one."""
    given = environ.get(DEFAULT_REGISTRY)
    if not given or engine != "docker" or settings.tables.image.registry:
        return None
    # Repositories may have capital letters, names of images may not.
    return check_registry(given.lower())


def log_in(settings: Settings, environ: MutableMapping[str, str], console: Console, stack: ExitStack) -> None:
    """Use the registry's credentials from the environment until the stack closes; they leave the environment here."""
    registry = settings.tables.image.registry
    user, password = environ.pop(USER, ""), environ.pop(PASSWORD, "")
    if registry and user and password:
        console.secret(password)
        stack.enter_context(logged_in(check_registry(registry).partition("/")[0], user, password, environ))
