"""PyTorch (CPU) with what the examples need, in an environment of its own: for tests that run jobs without an image."""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from pathlib import Path

from . import commands, environments
from .state import State

ROOT = Path(__file__).parents[3]
LOCK = ROOT / "images" / "torch" / "requirements.2.13-cpu.lock"
CATALOGUE = ROOT / "images" / "catalogue.toml"
EXAMPLES = ROOT / "examples" / "digits" / "requirements.txt"
STAMP = "requirements.sha256"
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}
VARIABLE = "MLOPS_CI_TEST_TORCH_PYTHON"


def python(state: State) -> Path:
    """The interpreter of the environment."""
    return state.root / "torch" / "bin" / "python"


def is_installed(state: State) -> bool:
    """Whether the environment holds exactly what the requirements say now."""
    stamp = state.root / "torch" / STAMP
    return stamp.exists() and stamp.read_text() == _digest()


def install(state: State) -> list[str]:
    """Make the environment anew; the stamp comes last. Gives the command that installs more into it."""
    folder = state.root / "torch"
    shutil.rmtree(folder, ignore_errors=True)
    pip = environments.make(folder)
    index = next(row["index"] for row in tomllib.loads(CATALOGUE.read_text())["variants"] if row["build"] == "cpu")
    # Most of these modules are never imported; those that are get compiled here, once, before tests share them.
    pip.append("--no-compile")
    # The exact local version is on PyTorch's own index, or in a folder that pip is configured to look into.
    locked = ["--require-hashes", "--no-deps", "--requirement", str(LOCK)]
    commands.run([*pip, *locked, "--extra-index-url", index, "--retries", "1"])
    commands.run([*pip, "--requirement", str(EXAMPLES)])
    commands.run([str(python(state)), "-c", "import torch, torch._dynamo, sklearn.datasets"], environment=COMPILED)
    (folder / STAMP).write_text(_digest())
    return pip


def _digest() -> str:
    return hashlib.sha256(LOCK.read_bytes() + EXAMPLES.read_bytes()).hexdigest()
