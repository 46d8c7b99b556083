"""What a CI system puts around a command."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlops_ci.commands.default_registry import default_registry
from mlops_ci.commands.surroundings import (
    assume_role,
    assume_role_if_it_can_be,
    assume_role_to_hand_on,
    drop_empty,
    log_in,
)
from mlops_ci.console import Console, NullSink
from mlops_ci.providers.github_identity import NoIdentityError


def settings(registry=None):
    mirrors = SimpleNamespace(ca_bundle=None)
    return SimpleNamespace(tables=SimpleNamespace(image=SimpleNamespace(registry=registry), mirrors=mirrors))


def test_a_secret_that_nobody_set_is_not_there():
    environ = {"AWS_ACCESS_KEY_ID": "", "MLFLOW_TRACKING_TOKEN": "t", "OTHER": ""}
    drop_empty(environ)
    assert environ == {"MLFLOW_TRACKING_TOKEN": "t", "OTHER": ""}


@pytest.mark.parametrize(
    ("configured", "engine", "given", "found"),
    [
        (None, "docker", "ghcr.io/Org/Repo", "ghcr.io/org/repo"),
        (None, "docker", "", None),
        (None, "host", "ghcr.io/org/repo", None),
        ("own.example/x", "docker", "ghcr.io/org/repo", None),
    ],
)
def test_the_providers_registry_is_the_last_resort(configured, engine, given, found):
    assert default_registry(settings(configured), engine, {"MLOPS_CI_DEFAULT_REGISTRY": given}) == found


def test_the_password_leaves_the_environment_and_is_hidden(tmp_path):
    console = Console(sink=NullSink())
    environ = {
        "HOME": str(tmp_path),
        "MLOPS_CI_REGISTRY_USERNAME": "me",
        "MLOPS_CI_REGISTRY_PASSWORD": "hunter22",
    }
    with ExitStack() as stack:
        log_in(settings("ghcr.io/org/repo"), environ, console, stack)
        assert "hunter22" not in environ.values()
        assert os.path.isdir(environ["DOCKER_CONFIG"])
    assert environ == {"HOME": str(tmp_path)}
    assert console.redactor.clean("hunter22") == "***"


def test_without_a_registry_nobody_logs_in(tmp_path):
    environ = {"MLOPS_CI_REGISTRY_USERNAME": "me", "MLOPS_CI_REGISTRY_PASSWORD": "hunter22"}
    with ExitStack() as stack:
        log_in(settings(), environ, Console(sink=NullSink()), stack)
        assert environ == {}


def test_a_job_that_only_remembers_goes_on_without_an_identity():
    said = []
    console = SimpleNamespace(annotate=lambda *words: said.append(words))
    environ = {"AWS_ROLE_ARN": "arn:aws:iam::1:role/x", "AWS_ACCESS_KEY_ID": ""}
    with ExitStack() as stack:
        assume_role_if_it_can_be(settings(), "github", environ, stack, console)
    assert environ == {}
    ((level, title, text),) = said
    assert (level, title) == ("warning", "no identity for the object store")
    assert "id-token: write" in text


ROLE, PASSER = "arn:aws:iam::1:role/publisher", "arn:aws:iam::1:role/passer"


def test_who_hands_on_has_the_role_for_that_and_no_key_beside_it():
    environ = {
        "AWS_ROLE_ARN": ROLE,
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/of-the-stages",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "MLOPS_CI_HANDOVER_ROLE": PASSER,
        "MLOPS_CI_HANDOVER_TOKEN": "token-of-the-job",
    }
    with ExitStack() as stack:
        assume_role_to_hand_on(settings(), "gitlab", environ, stack)
        path = Path(environ["AWS_WEB_IDENTITY_TOKEN_FILE"])
        assert path.read_text() == "token-of-the-job"
        assert path.stat().st_mode & 0o777 == 0o600
        assert environ["AWS_ROLE_ARN"] == PASSER
        assert not set(environ) & {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "MLOPS_CI_HANDOVER_TOKEN"}
    assert not path.exists()


def test_without_a_role_of_its_own_who_hands_on_has_what_the_job_has():
    environ = {"AWS_ACCESS_KEY_ID": "key", "AWS_SESSION_TOKEN": "", "MLOPS_CI_HANDOVER_ROLE": ""}
    with ExitStack() as stack:
        assume_role_to_hand_on(settings(), "github", environ, stack)
        assert environ == {"AWS_ACCESS_KEY_ID": "key"}


def test_a_role_without_an_identity_is_an_error_that_says_what_to_grant():
    environ = {"MLOPS_CI_HANDOVER_ROLE": PASSER}
    with ExitStack() as stack, pytest.raises(NoIdentityError) as raised:
        assume_role_to_hand_on(settings(), "github", environ, stack)
    assert raised.value.exit_code == 3


def test_the_users_code_never_sees_by_what_a_run_is_handed_on():
    environ = {"MLOPS_CI_HANDOVER_ROLE": PASSER, "MLOPS_CI_HANDOVER_TOKEN": "t", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t"}
    with ExitStack() as stack:
        assume_role(settings(), "github", environ, stack)
        assert environ == {}
