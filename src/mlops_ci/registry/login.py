"""A login for one registry that lasts as long as this process: nothing of it stays on the runner."""

from __future__ import annotations

import base64
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlops_ci.files import write_atomic
from mlops_ci.registry.credentials import HUB_KEY
from mlops_ci.registry.reference import HUB

FOLDER = "DOCKER_CONFIG"
CONFIG = "config.json"


@contextmanager
def logged_in(host: str, user: str, password: str, environ: MutableMapping[str, str]) -> Iterator[None]:
    """Let `docker`, its plugins and ourselves use these credentials for `host` inside the block.

    The user's own folder (DOCKER_CONFIG, `~/.docker`) is only read: its other logins, contexts and plugins stay usable.
    """
    before = environ.get(FOLDER)
    own = Path(before) if before else Path(environ.get("HOME", "~")).expanduser() / ".docker"
    folder = Path(tempfile.mkdtemp(prefix="mlops-ci-docker-"))
    try:
        for entry in own.iterdir() if own.is_dir() else ():
            if entry.name != CONFIG:
                os.symlink(entry.resolve(), folder / entry.name)
        config = _config(own / CONFIG)
        name = HUB_KEY if host == HUB else host
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        config["auths"] = {**config.get("auths", {}), name: {"auth": token}}
        # A helper would be asked before our entry; for every other registry it stays what it was.
        config["credHelpers"] = {key: value for key, value in config.get("credHelpers", {}).items() if key != name}
        if config.pop("credsStore", None):
            config.pop("credHelpers")
        write_atomic(folder / CONFIG, json.dumps(config), mode=0o600)
        environ[FOLDER] = str(folder)
        yield
    finally:
        if before is None:
            environ.pop(FOLDER, None)
        else:
            environ[FOLDER] = before
        shutil.rmtree(folder, ignore_errors=True)


def _config(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return dict(found) if isinstance(found, dict) else {}
