"""Which file configures this folder."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.config.errors import ConfigError, Problem
from mlops_ci.config.read import read_text

FILE = "mlops.toml"
PYPROJECT = "pyproject.toml"
TABLE = ("tool", "mlops-ci")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A file and the table in it that holds our tables: nothing above them in `mlops.toml`."""

    file: Path
    above: tuple[str, ...] = ()


def find(path: Path | None, cwd: Path) -> Place:
    """The configuration named by `path`, else the nearest one from `cwd` upwards to the top of the git repository.

    Raises `ConfigError` when there is none, or when one folder has both forms.
    """
    if path is not None:
        file = _resolved(cwd / path)
        return Place(file=file, above=TABLE if file.name == PYPROJECT else ())
    folders = _folders(cwd.resolve())
    for folder in folders:
        own, shared = folder / FILE, folder / PYPROJECT
        has_own, has_shared = _exists(own), _exists(shared) and _has_our_table(shared)
        if has_own and has_shared:
            message = f"both {own} and [{'.'.join(TABLE)}] in {shared} configure this project"
            raise ConfigError(
                [Problem(where=FILE, message=message)], hint="keep one of the two, or name it: --config FILE"
            )
        if has_own:
            return Place(file=own)
        if has_shared:
            return Place(file=shared, above=TABLE)
    upwards = f" or above it, up to {folders[-1]}" if len(folders) > 1 else ""
    message = f"there is none in {folders[0]}{upwards} (nor [{'.'.join(TABLE)}] in a {PYPROJECT})"
    raise ConfigError([Problem(where=FILE, message=message)], hint="`mlops-ci init` writes one for this repository")


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(
            [Problem(where=str(path), message=f"is no usable path: {error}")], hint="check --config"
        ) from None


def _folders(start: Path) -> tuple[Path, ...]:
    """From `start` up to the folder with `.git`; `start` alone outside of a repository."""
    chain = (start, *start.parents)
    for count, folder in enumerate(chain, start=1):
        if _exists(folder / ".git"):
            return chain[:count]
    return (start,)


def _exists(path: Path) -> bool:
    try:
        path.lstat()
    except (OSError, ValueError):
        return False
    return True


def _has_our_table(pyproject: Path) -> bool:
    """Whether it has `[tool.mlops-ci]`. One that can't be read counts when it names us, so that its error is told."""
    try:
        text = read_text(pyproject, pyproject.name)
    except ConfigError:
        return False
    try:
        tree = tomllib.loads(text)
    except (ValueError, RecursionError):
        return ".".join(TABLE) in text
    tool = tree.get(TABLE[0])
    return isinstance(tool, dict) and TABLE[1] in tool
