"""A pair of keys from the command line."""

from __future__ import annotations

import stat

import pytest

from mlops_ci.commands.signatures import KeyExistsError, NoPasswordError, keys
from mlops_ci.signing import sealed
from mlops_ci.signing.keys import private_key, public_key


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    monkeypatch.setitem(sealed.COST, "N", 1024)


def test_the_private_half_is_for_its_owner_and_under_the_password(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COSIGN_PASSWORD", "a password")
    assert keys(tmp_path / "keys") == 0
    private, public = tmp_path / "keys" / "cosign.key", tmp_path / "keys" / "cosign.pub"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    key = private_key(private.read_text(), b"a password")
    assert key.public == public_key(public.read_text())
    said = capsys.readouterr().out
    assert key.public.id in said
    assert "a password" not in said


def test_no_key_is_ever_overwritten(tmp_path, monkeypatch):
    monkeypatch.setenv("COSIGN_PASSWORD", "a password")
    (tmp_path / "cosign.pub").write_text("mine")
    with pytest.raises(KeyExistsError) as caught:
        keys(tmp_path)
    assert caught.value.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["cosign.pub"]


def test_without_a_password_there_is_no_key(tmp_path, monkeypatch):
    monkeypatch.delenv("COSIGN_PASSWORD", raising=False)
    with pytest.raises(NoPasswordError) as caught:
        keys(tmp_path)
    assert caught.value.exit_code == 3
    assert not list(tmp_path.iterdir())
