"""PyTorch (CPU) with what the examples need, in an environment of its own: for tests that run jobs without an image."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tomllib
from pathlib import Path

from . import commands
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


def install(state: State) -> None:
    """Make the environment anew; the stamp comes last."""
    folder = state.root / "torch"
    shutil.rmtree(folder, ignore_errors=True)
    commands.run([sys.executable, "-m", "venv", str(folder)])
    index = next(row["index"] for row in tomllib.loads(CATALOGUE.read_text())["variants"] if row["build"] == "cpu")
    pip = [str(python(state)), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"]
    # Most of these modules are never imported; those that are get compiled here, once, before tests share them.
    pip += ["--no-compile"]
    # The exact local version is on PyTorch's own index, or in a folder that pip is configured to look into.
    locked = ["--require-hashes", "--no-deps", "--requirement", str(LOCK)]
    commands.run([*pip, *locked, "--extra-index-url", index, "--retries", "1"])
    commands.run([*pip, "--requirement", str(EXAMPLES)])
    commands.run([str(python(state)), "-c", "import torch, torch._dynamo, sklearn.datasets"], environment=COMPILED)
    (folder / STAMP).write_text(_digest())


def _digest() -> str:
    return hashlib.sha256(LOCK.read_bytes() + EXAMPLES.read_bytes()).hexdigest()
