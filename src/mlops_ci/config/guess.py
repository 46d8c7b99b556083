"""What a repository looks like: the command, the requirements and the checks that a new configuration should name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_ci.config.keys import lookup
from mlops_ci.config.printed import printed_metrics

SCRIPTS = ("train.py", "src/train.py", "scripts/train.py", "training/train.py", "main.py", "src/main.py")
NOTEBOOKS = ("train.ipynb", "notebooks/train.ipynb")
NO_PACKAGES = frozenset({"test", "tests", "examples", "docs", "build", "dist"})
REQUIREMENTS = ("requirements.txt", "requirements/train.txt", "requirements/base.txt", "requirements/main.txt")
NAMED_PACKAGE = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)", re.MULTILINE)
LARGEST_FILE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class ProposedCheck:
    """A check command. `installed` says whether the requirements name its program's package."""

    command: str
    package: str
    installed: bool


@dataclass(frozen=True, kw_only=True)
class Guess:
    """What was found. None and nothing where nothing was: then it is for the user to say."""

    command: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, str] = field(default_factory=dict)
    requirements: str | None = None
    checks: tuple[ProposedCheck, ...] = ()
    notes: tuple[str, ...] = ()


def guess(root: Path) -> Guess:
    """Look at the files of the repository at `root`. Nothing is run, and what can't be read counts as absent."""
    pyproject = _toml(root / "pyproject.toml")
    command = _command(root)
    requirements = next((one for one in REQUIREMENTS if (root / one).is_file()), None)
    packages = _packages(root / requirements) if requirements else frozenset()
    notes = []
    if command is None:
        notes.append(f"no training script was found ({', '.join(SCRIPTS)}): name yours in `command`")
    if requirements is None and lookup(pyproject, ("project", "dependencies")):
        notes.append("pyproject.toml has dependencies: write them into a requirements file, and name it in [image]")
    checks = tuple(
        ProposedCheck(command=check, package=package, installed=package in packages)
        for package, check in _checks(root, pyproject)
    )
    script = _script(root)
    metrics = printed_metrics(_text(script)) if script else {}
    return Guess(command=command, metrics=metrics, requirements=requirements, checks=checks, notes=tuple(notes))


def _script(root: Path) -> Path | None:
    """`train.py` where people put it, or one folder down."""
    named = [root / script for script in SCRIPTS]
    below = [path for path in sorted(root.glob("*/train.py")) if path.parent.name not in NO_PACKAGES]
    return next((path for path in (*named, *below) if path.is_file() and _is_named(path.parent, root)), None)


def _is_named(folder: Path, root: Path) -> bool:
    return folder == root or folder.name.isidentifier()


def _command(root: Path) -> str | None:
    """`python train.py`; as a module where the script's folder is a package; without a script, a notebook."""
    script = _script(root)
    if script is None:
        return next((one for one in NOTEBOOKS if (root / one).is_file()), None)
    name = script.relative_to(root).as_posix()
    is_package = name not in SCRIPTS and (script.parent / "__init__.py").is_file()
    return f"python -m {script.parent.name}.train" if is_package else f"python {name}"


def _packages(requirements: Path) -> frozenset[str]:
    return frozenset(name.lower().replace("_", "-") for name in NAMED_PACKAGE.findall(_text(requirements)))


def _checks(root: Path, pyproject: dict[str, Any]) -> Iterator[tuple[str, str]]:
    tools = lookup(pyproject, ("tool",))
    tools = tools if isinstance(tools, dict) else {}
    if "ruff" in tools or any((root / name).is_file() for name in ("ruff.toml", ".ruff.toml")):
        yield "ruff", "ruff check ."
    has_tests = any(path.is_file() for name in ("tests", "test") for path in (root / name).rglob("test_*.py"))
    if "pytest" in tools or (root / "pytest.ini").is_file() or has_tests:
        yield "pytest", "python -m pytest -q"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.stat().st_size <= LARGEST_FILE else ""
    except (OSError, ValueError):
        return ""


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except (ValueError, RecursionError):
        return {}
