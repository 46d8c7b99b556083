"""What the program is told. Secrets come as files, never as values: a value would stand in the container's settings.

MLOPS_JUPYTER                "off": no JupyterLab (default: on)
MLOPS_JUPYTER_TOKEN_FILE     a file with the token (default: /run/secrets/jupyter-token, when it is there)
MLOPS_JUPYTER_PASSWORD_FILE  a file with a password, or its argon2 hash (default: /run/secrets/jupyter-password)
MLOPS_JUPYTER_PORT           default 8888
MLOPS_JUPYTER_ROOT           the folder that it shows (default: /workspace)
MLOPS_TLS_CERT_FILE, MLOPS_TLS_KEY_FILE    JupyterLab speaks HTTPS with these
MLOPS_SSH                    "on": an SSH server too (default: off)
MLOPS_SSH_AUTHORIZED_KEYS    a file with the keys that may log in (default: /run/secrets/authorized_keys)
MLOPS_SSH_PORT               default 2222
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SECRETS = Path("/run/secrets")
# Too short a secret is guessed; what Jupyter makes itself has 48 letters.
SHORTEST = 12
HASHED = ("argon2:",)
KEY_TYPES = ("ssh-", "ecdsa-", "sk-")


class SettingsError(ValueError):
    """What was asked for cannot be done; says which setting, and why."""


@dataclass(frozen=True, kw_only=True)
class Jupyter:
    """Without a token and a password, a token is made at the start."""

    port: int
    root: Path
    token: str | None = None
    password: str | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Ssh:
    """`keys` are the lines of authorized_keys."""

    port: int
    keys: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Which services run."""

    jupyter: Jupyter | None
    ssh: Ssh | None


def read(environ: Mapping[str, str], secrets: Path = SECRETS) -> Settings:
    """The settings. Raises `SettingsError`."""
    jupyter = _jupyter(environ, secrets) if _switch(environ, "MLOPS_JUPYTER", "on") else None
    ssh = _ssh(environ, secrets) if _switch(environ, "MLOPS_SSH", "off") else None
    if jupyter is None and ssh is None:
        raise SettingsError("MLOPS_JUPYTER=off and MLOPS_SSH is not `on`: there is nothing to run")
    return Settings(jupyter=jupyter, ssh=ssh)


def _jupyter(environ: Mapping[str, str], secrets: Path) -> Jupyter:
    token = _secret(environ, "MLOPS_JUPYTER_TOKEN_FILE", secrets / "jupyter-token")
    password = _secret(environ, "MLOPS_JUPYTER_PASSWORD_FILE", secrets / "jupyter-password")
    certificate, key = (_file(environ, name) for name in ("MLOPS_TLS_CERT_FILE", "MLOPS_TLS_KEY_FILE"))
    if (certificate is None) != (key is None):
        raise SettingsError("MLOPS_TLS_CERT_FILE and MLOPS_TLS_KEY_FILE go together: set both")
    return Jupyter(
        port=_port(environ, "MLOPS_JUPYTER_PORT", 8888),
        root=Path(environ.get("MLOPS_JUPYTER_ROOT") or "/workspace"),
        token=token,
        password=password,
        certificate=certificate,
        key=key,
    )


def _ssh(environ: Mapping[str, str], secrets: Path) -> Ssh:
    path = _file(environ, "MLOPS_SSH_AUTHORIZED_KEYS") or secrets / "authorized_keys"
    keys = tuple(line.strip() for line in _text(path, "MLOPS_SSH_AUTHORIZED_KEYS").splitlines() if _is_key(line))
    if not keys:
        raise SettingsError(f"MLOPS_SSH_AUTHORIZED_KEYS: {path} holds no public key, and nothing else lets anybody in")
    return Ssh(port=_port(environ, "MLOPS_SSH_PORT", 2222), keys=keys)


def _is_key(line: str) -> bool:
    words = line.split()
    return bool(words) and not words[0].startswith("#") and any(word.startswith(KEY_TYPES) for word in words)


def _switch(environ: Mapping[str, str], name: str, default: str) -> bool:
    value = (environ.get(name) or default).lower()
    if value not in {"on", "off", "1", "0", "true", "false"}:
        raise SettingsError(f"{name}=`{value}`: write on or off")
    return value in {"on", "1", "true"}


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isdigit() or not 1024 <= int(text) <= 65535:
        raise SettingsError(f"{name}=`{text}` is no port from 1024 to 65535 (without root there is no lower one)")
    return int(text)


def _file(environ: Mapping[str, str], name: str) -> Path | None:
    value = environ.get(name, "")
    if not value:
        return None
    if not Path(value).is_file():
        raise SettingsError(f"{name}: {value} is no file: mount it")
    return Path(value)


def _secret(environ: Mapping[str, str], name: str, usual: Path) -> str | None:
    """The secret in a file; None when no file is named and the usual one is not there. An empty one is no secret."""
    path = _file(environ, name) or (usual if usual.is_file() else None)
    if path is None:
        return None
    value = _text(path, name).strip()
    if len(value) < SHORTEST or len(value.split()) != 1:
        raise SettingsError(f"{name}: the secret in {path} is empty, shorter than {SHORTEST} letters, or has blanks")
    return value


def _text(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}: {path} cannot be read: {error}") from error
