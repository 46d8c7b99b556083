"""A login that lasts as long as the process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_ci.registry.credentials import credentials_for
from mlops_ci.registry.login import logged_in


@pytest.fixture
def home(tmp_path) -> Path:
    folder = tmp_path / ".docker"
    (folder / "cli-plugins").mkdir(parents=True)
    return folder


def test_the_credentials_are_there_and_gone_again(tmp_path):
    environ = {"HOME": str(tmp_path)}
    with logged_in("ghcr.io", "me", "pass:word", environ):
        folder = Path(environ["DOCKER_CONFIG"])
        found = credentials_for("ghcr.io", folder=folder)
        assert (found.user, found.password) == ("me", "pass:word")
        assert (folder / "config.json").stat().st_mode & 0o077 == 0
    assert environ == {"HOME": str(tmp_path)}
    assert not folder.exists()


def test_other_logins_and_plugins_stay_usable(tmp_path, home):
    auths = {"other.example": {"auth": "YTpi"}}
    (home / "config.json").write_text(json.dumps({"auths": auths, "credsStore": "desktop", "proxies": {"default": {}}}))
    environ = {"HOME": str(tmp_path)}
    with logged_in("ghcr.io", "me", "password", environ):
        folder = Path(environ["DOCKER_CONFIG"])
        assert credentials_for("other.example", folder=folder).user == "a"
        assert (folder / "cli-plugins").is_dir()
        assert json.loads((folder / "config.json").read_text())["proxies"] == {"default": {}}
    assert (home / "cli-plugins").is_dir()
    assert json.loads((home / "config.json").read_text())["auths"] == auths


def test_our_entry_comes_before_a_helper_of_the_same_registry(tmp_path, home):
    helpers = {"ghcr.io": "store", "other.example": "pass"}
    (home / "config.json").write_text(json.dumps({"credHelpers": helpers}))
    environ = {"DOCKER_CONFIG": str(home)}
    with logged_in("ghcr.io", "me", "password", environ):
        config = json.loads((Path(environ["DOCKER_CONFIG"]) / "config.json").read_text())
        assert config["credHelpers"] == {"other.example": "pass"}
    assert environ == {"DOCKER_CONFIG": str(home)}


def test_it_is_gone_after_a_failure_too(tmp_path):
    environ = {"HOME": str(tmp_path)}
    with pytest.raises(RuntimeError), logged_in("ghcr.io", "me", "password", environ):
        folder = Path(environ["DOCKER_CONFIG"])
        raise RuntimeError
    assert not folder.exists()
    assert "DOCKER_CONFIG" not in environ


def test_docker_hub_has_its_own_name(tmp_path):
    environ = {"HOME": str(tmp_path)}
    with logged_in("docker.io", "me", "password", environ):
        assert credentials_for("docker.io", folder=Path(environ["DOCKER_CONFIG"])).user == "me"
