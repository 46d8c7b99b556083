"""What the program of the layer dev makes of its environment: no empty token, SSH only by keys."""

import json
from pathlib import Path

import pytest
from mlops_dev import jupyter, ssh
from mlops_dev.settings import SettingsError, Ssh, read

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ somebody"


def told(folder: Path) -> dict[str, object]:
    return json.loads((folder / "jupyter.json").read_text())


def test_without_a_secret_a_token_is_made_and_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read({}, tmp_path)
    assert found.ssh is None
    assert found.jupyter is not None
    command = jupyter.prepare(found.jupyter, tmp_path)
    token = str(told(tmp_path)["token"])
    assert len(token) >= 32
    assert (tmp_path / "token").read_text().strip() == token
    assert token not in capsys.readouterr().out + " ".join(command)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "token", tmp_path / "jupyter.json"))


def test_token_and_password_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "jupyter-token").write_text("0123456789abcdef\n")
    password = tmp_path / "other"
    password.write_text("correct-horse-battery")
    found = read({"MLOPS_JUPYTER_PASSWORD_FILE": str(password), "MLOPS_JUPYTER_PORT": "9999"}, tmp_path).jupyter
    assert found is not None
    assert (found.token, found.password, found.port) == ("0123456789abcdef", "correct-horse-battery", 9999)


def test_with_a_password_alone_the_token_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "jupyter-password").write_text("argon2:$argon2id$v=19$m=1")
    found = read({}, tmp_path).jupyter
    assert found is not None
    jupyter.prepare(found, tmp_path)
    assert told(tmp_path)["hashed"] is True
    assert len(str(told(tmp_path)["token"])) >= 32
    assert not (tmp_path / "token").exists()


@pytest.mark.parametrize(
    ("environ", "files", "text"),
    [
        ({}, {"jupyter-token": "\n"}, "empty"),
        ({}, {"jupyter-token": "short"}, "shorter"),
        ({}, {"jupyter-password": "two words are not one"}, "blanks"),
        ({"MLOPS_JUPYTER_TOKEN_FILE": "/no/such"}, {}, "no file"),
        ({"MLOPS_TLS_CERT_FILE": "/etc/hostname"}, {}, "go together"),
        ({"MLOPS_JUPYTER_PORT": "80"}, {}, "no port"),
        ({"MLOPS_JUPYTER": "off"}, {}, "nothing to run"),
        ({"MLOPS_SSH": "yes please"}, {}, "on or off"),
        ({"MLOPS_SSH": "on"}, {}, "cannot be read"),
        ({"MLOPS_SSH": "on"}, {"authorized_keys": "# nobody\n"}, "no public key"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, environ: dict[str, str], files: dict[str, str], text: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(SettingsError, match=text):
        read(environ, tmp_path)


def test_ssh_is_off_unless_asked_for_and_takes_keys(tmp_path: Path) -> None:
    (tmp_path / "authorized_keys").write_text(f"# me\n{KEY}\n")
    assert read({}, tmp_path).ssh is None
    assert read({"MLOPS_SSH": "on"}, tmp_path).ssh == Ssh(port=2222, keys=(KEY,))


def test_the_servers_settings_allow_keys_alone(tmp_path: Path) -> None:
    lines = list(ssh._lines(Ssh(port=2222, keys=(KEY,)), tmp_path / "k", tmp_path / "a", {"PATH": "/x", "SECRET": "s"}))
    for word in ("PasswordAuthentication no", "KbdInteractiveAuthentication no", "PermitRootLogin no", "UsePAM no"):
        assert word in lines
    assert 'SetEnv "PATH=/x"' in lines
    assert not any("SECRET" in line for line in lines)
