"""Credentials as the `docker` command keeps them."""

import base64
import json
from pathlib import Path

import pytest

from mlops_ci.registry.credentials import Credentials, CredentialsError, credentials_for


def write(folder: Path, config: object) -> Path:
    (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    return folder


def auth(text: str) -> dict[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("ghcr.io", "ghcr.io"),
        ("https://reg.example:5000", "reg.example:5000"),
        ("https://reg.example/v2/", "reg.example"),
        ("https://index.docker.io/v1/", "docker.io"),
    ],
)
def test_found_under_all_names(tmp_path: Path, key: str, host: str) -> None:
    write(tmp_path, {"auths": {key: auth("me:pass:word")}})
    assert credentials_for(host, folder=tmp_path) == Credentials(user="me", password="pass:word")
    assert credentials_for("other.example", folder=tmp_path) is None


def test_identity_token(tmp_path: Path) -> None:
    write(tmp_path, {"auths": {"x.example": {"identitytoken": "t"}}})
    assert credentials_for("x.example", folder=tmp_path) == Credentials(identity_token="t")


def test_none(tmp_path: Path) -> None:
    assert credentials_for("x.example", folder=tmp_path) is None
    write(tmp_path, {"auths": {"x.example": {}}})
    assert credentials_for("x.example", folder=tmp_path) is None


@pytest.mark.parametrize("config", ["{", "[1]", {"auths": {"x.example": {"auth": "ä"}}}])
def test_broken_files_are_said(tmp_path: Path, config: object) -> None:
    write(tmp_path, config)
    with pytest.raises(CredentialsError) as caught:
        credentials_for("x.example", folder=tmp_path)
    assert caught.value.exit_code == 3
    assert "config.json" in caught.value.cause
