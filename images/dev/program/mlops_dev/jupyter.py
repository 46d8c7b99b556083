"""How JupyterLab is started: secrets go through a file that only this user can read, never through arguments."""

import json
import secrets
import sys
from pathlib import Path

from .settings import HASHED, Jupyter

CONFIGURATION = Path(__file__).with_name("jupyter_server_config.py")


def prepare(settings: Jupyter, folder: Path) -> list[str]:
    """Write what the server needs into `folder` (this user's alone); its command."""
    made = settings.token is None and settings.password is None
    token = settings.token or secrets.token_hex(24)
    private = folder / "jupyter.json"
    private.touch(mode=0o600)
    private.write_text(
        json.dumps(
            {
                "ip": "0.0.0.0",  # noqa: S104  # in a container: what is published decides who reaches it
                "port": settings.port,
                "root": str(settings.root if settings.root.is_dir() else Path("/tmp")),  # noqa: S108
                "token": token,
                "password": settings.password,
                "hashed": settings.password is not None and settings.password.startswith(HASHED),
                "certificate": str(settings.certificate or ""),
                "key": str(settings.key or ""),
            }
        ),
        encoding="utf-8",
    )
    if made:
        shown = folder / "token"
        shown.touch(mode=0o600)
        shown.write_text(token + "\n", encoding="utf-8")
        print(f"mlops-dev: no token was given, so one was made: docker exec CONTAINER cat {shown}", flush=True)
    return [sys.executable, "-m", "jupyterlab", f"--config={CONFIGURATION}"]


def address(settings: Jupyter) -> str:
    """Where the server answers, from inside."""
    return f"{'https' if settings.certificate else 'http'}://127.0.0.1:{settings.port}"
