"""Virtual environments of the testbed's own, made by what is there: uv, our Python's pip, or a pip put into them."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from . import commands

# uv trusts authorities of its own, unless it is told to take the system's (the second is the older name).
SYSTEM_CERTIFICATES = {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true"}


def make(folder: Path) -> list[str]:
    """An empty environment; gives the command that installs into it, with pip's own configuration."""
    python = str(folder / "bin" / "python")
    options = ["install", "--disable-pip-version-check", "--no-input", "--quiet"]
    if find_spec("pip") is None:
        commands.run([sys.executable, "-m", "venv", str(folder)])
        return [python, "-m", "pip", *options]
    # To bring a pip along takes three seconds of a processor.
    commands.run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    return [sys.executable, "-m", "pip", "--python", python, *options]


def make_quickly(folder: Path) -> tuple[list[str], dict[str, str]]:
    """The same by uv where it is, which reads nothing of pip's configuration: the command, and what it is told."""
    uv = shutil.which("uv")
    if uv is None:
        return make(folder), {}
    commands.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)])
    command = [uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python")]
    return command, SYSTEM_CERTIFICATES
