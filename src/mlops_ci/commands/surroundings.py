"""What a CI system puts around a command: credentials that may be empty, a registry of its own."""

from __future__ import annotations

import tempfile
from collections.abc import MutableMapping
from contextlib import ExitStack
from pathlib import Path

from mlops_ci.console import Console
from mlops_ci.errors import MlopsError
from mlops_ci.files import write_atomic
from mlops_ci.images.naming import check_registry
from mlops_ci.providers.github_identity import TOKEN, URL, identity_token
from mlops_ci.registry.login import logged_in
from mlops_ci.registry.reference import parse
from mlops_ci.settings.settings import Settings
from mlops_ci.stages.addresses import ca_bundle

USER, PASSWORD = "MLOPS_CI_REGISTRY_USERNAME", "MLOPS_CI_REGISTRY_PASSWORD"  # names of variables
DATABASE_USER, DATABASE_PASSWORD = "MLOPS_CI_DATABASE_USERNAME", "MLOPS_CI_DATABASE_PASSWORD"  # names of variables
ROLE, TOKEN_FILE, SESSION = "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_SESSION_NAME"
# Of the role for nothing but handing a run on. GitLab puts the token into a variable; at GitHub a job asks for it.
HANDOVER_ROLE, HANDOVER_TOKEN = "MLOPS_CI_HANDOVER_ROLE", "MLOPS_CI_HANDOVER_TOKEN"  # names of variables
AUDIENCE = "sts.amazonaws.com"
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
CREDENTIALS = (
    USER,
    PASSWORD,
    DATABASE_USER,
    DATABASE_PASSWORD,
    *KEYS,
    ROLE,
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


def log_in(settings: Settings, environ: MutableMapping[str, str], console: Console, stack: ExitStack) -> None:
    """Use the registry's credentials from the environment until the stack closes; they leave the environment here."""
    registry = settings.tables.image.registry
    user, password = environ.pop(USER, ""), environ.pop(PASSWORD, "")
    if registry and user and password:
        console.secret(password)
        stack.enter_context(logged_in(check_registry(registry).partition("/")[0], user, password, environ))


def log_in_to_database(
    settings: Settings, environ: MutableMapping[str, str], console: Console, stack: ExitStack
) -> None:
    """The same, at the registry that `[mirrors] trivy-db` names, with credentials that are for nothing else."""
    address = settings.tables.mirrors.trivy_db
    user, password = environ.pop(DATABASE_USER, ""), environ.pop(DATABASE_PASSWORD, "")
    if not user or not password:
        return
    console.secret(password)
    host = parse(address).host if address else None
    if host is None:
        console.annotate(
            "warning", "no login", f"there is a login for the database, and no host in trivy-db: {address}"
        )
        return
    stack.enter_context(logged_in(host, user, password, environ))


def assume_role(settings: Settings, provider: str, environ: MutableMapping[str, str], stack: ExitStack) -> None:
    """Let boto3 assume the role that the CI system names, by the job's own identity, until the stack closes.

    What the job could ask for further identities with leaves the environment: the user's code has no use for it.
    """
    if provider == "github" and environ.get(ROLE) and not environ.get(TOKEN_FILE):
        _use(identity_token(environ, AUDIENCE, bundle=ca_bundle(settings)), environ, stack)
    for name in (URL, TOKEN, HANDOVER_ROLE, HANDOVER_TOKEN):
        environ.pop(name, None)


def assume_role_to_hand_on(
    settings: Settings, provider: str, environ: MutableMapping[str, str], stack: ExitStack
) -> None:
    """The same, with the role for handing a run on where one is named: it may do no more than that."""
    drop_empty(environ)
    role, token = environ.pop(HANDOVER_ROLE, ""), environ.pop(HANDOVER_TOKEN, "")
    if role:
        for name in (TOKEN_FILE, *KEYS):
            environ.pop(name, None)
        environ[ROLE] = role
        if token:
            _use(token, environ, stack)
    assume_role(settings, provider, environ, stack)


def _use(token: str, environ: MutableMapping[str, str], stack: ExitStack) -> None:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mlops-ci-identity-"))
    path = Path(folder, "token")
    write_atomic(path, token, mode=0o600)
    environ[TOKEN_FILE] = str(path)
    environ.setdefault(SESSION, "mlops-ci")
    stack.callback(environ.pop, TOKEN_FILE, None)


def assume_role_if_it_can_be(
    settings: Settings, provider: str, environ: MutableMapping[str, str], stack: ExitStack, console: Console
) -> None:
    """The same for a job that only remembers something in the store: without an identity it warns and goes on."""
    drop_empty(environ)
    try:
        assume_role(settings, provider, environ, stack)
    except MlopsError as error:
        environ.pop(ROLE, None)
        console.annotate("warning", "no identity for the object store", f"{error.cause}\n{error.hint}")
