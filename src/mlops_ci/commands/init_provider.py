"""`mlops-ci init --provider`: the files of a CI system, beside `mlops.toml`. What exists is never written over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from mlops_ci.config.find import FILE as CONFIG
from mlops_ci.errors import UsageError
from mlops_ci.files import write_atomic
from mlops_ci.orchestrators.callers import github_starter, gitlab_starter
from mlops_ci.orchestrators.callers.bundle import Bundle, bundle
from mlops_ci.orchestrators.callers.origin import origin, top_of
from mlops_ci.orchestrators.github.profile import REPOSITORY
from mlops_ci.orchestrators.github.profile import load_profile as github_profile
from mlops_ci.orchestrators.gitlab.profile import load_profile as gitlab_profile


class NoRepositoryError(UsageError):
    """The bundle's name is none that GitHub knows."""


class CallerExistsError(UsageError):
    """A file of the CI system is there already, and says something else."""


@dataclass(frozen=True, kw_only=True)
class Starter:
    """What `init` writes for one CI system. `addition` is what belongs into a file that exists."""

    files: dict[str, str]
    addition: dict[str, str]
    next_steps: tuple[str, ...]


def starters(provider: str, name: str | None, root: Path) -> dict[str, Starter]:
    """Those of `github`, `gitlab` or `both`. Raises `UsageError` before anything is written."""
    top = top_of(root)
    config = "" if top == root else f"{root.relative_to(top).as_posix()}/{CONFIG}"
    found: dict[str, Starter] = {}
    if provider in ("github", "both"):
        found["GitHub"] = _github(bundle(name, otherwise=github_profile("default").repository), top, config)
    if provider in ("gitlab", "both"):
        found["GitLab"] = _gitlab(bundle(name, otherwise=gitlab_profile().repository), config)
    for starter in found.values():
        _check(starter, top)
    return found


def write(found: dict[str, Starter], root: Path) -> None:
    """Write what is not there yet at the top of the repository, and say what is still to set."""
    root = top_of(root)
    for starter in found.values():
        for path, text in starter.files.items():
            if not (root / path).exists():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                write_atomic(root / path, text)
                click.echo(f"wrote {root / path}", err=True)
            elif (root / path).read_text(encoding="utf-8", errors="replace") == text:
                click.echo(f"{root / path} is there already", err=True)
            else:
                click.echo(f"{path} exists and stays as it is: add these lines", err=True)
                click.echo(starter.addition[path])
    if not (root / ".git").exists():
        click.echo(f"{root} is in no git repository, and a CI system reads nothing else: `git init` there", err=True)
    for name, starter in found.items():
        for line in _told(name, starter):
            click.echo(line, err=True)


def _told(name: str, starter: Starter) -> Iterator[str]:
    yield f"still to set at {name}:"
    yield from (f"  {line}" for line in starter.next_steps)
    yield f"  then: `mlops-ci doctor --provider {name.lower()}`"


def _github(made: Bundle, top: Path, config: str) -> Starter:
    if not REPOSITORY.fullmatch(made.repository):
        raise NoRepositoryError(
            f"{made.repository!r} is no repository at GitHub", hint="name it with --bundle OWNER/REPOSITORY@REF"
        )
    files = github_starter.files(made, branch=origin(top).branch, config=config)
    return Starter(files=files, addition={}, next_steps=github_starter.NEXT)


def _gitlab(made: Bundle, config: str) -> Starter:
    next_steps = tuple(line.format(repository=made.repository) for line in gitlab_starter.NEXT)
    addition = {gitlab_starter.NAME: gitlab_starter.entries(made, config=config)}
    return Starter(files=gitlab_starter.files(made, config=config), addition=addition, next_steps=next_steps)


def _check(starter: Starter, root: Path) -> None:
    for path, text in starter.files.items():
        place = root / path
        taken = place.exists() and (not place.is_file() or place.read_text(encoding="utf-8", errors="replace") != text)
        if taken and path not in starter.addition:
            raise CallerExistsError(
                f"{place} exists, and is not what would be written: nothing was changed",
                hint="keep it and check it with `mlops-ci doctor --provider github`, or move it away and ask again",
            )
