"""The configuration that a call names: whether it is there, whether it is right, and which S3 addresses it has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.config.errors import ConfigError, Problem
from mlops_ci.config.find import FILE
from mlops_ci.config.load import load
from mlops_ci.orchestrators.callers.finding import Finding
from mlops_ci.orchestrators.callers.reading import Tell, is_there
from mlops_ci.orchestrators.callers.values import is_open
from mlops_ci.orchestrators.callers.yaml_tree import Tree
from mlops_ci.settings.settings import Settings

S3 = "s3://"


@dataclass(frozen=True, kw_only=True)
class Stores:
    """Where the pipeline reads and writes on S3. `own_server`: it is not AWS; `canary`: a night has one."""

    store: str | None = None
    source: str | None = None
    own_server: bool = False
    canary: bool = False

    def __bool__(self) -> bool:
        return bool(self.store or self.source)


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a call says of the configuration; a value that is known only when it runs counts as not given."""

    file: str
    line: int
    config: Tree | None
    mode: Tree | None
    settings: Tree | None


def configured(given: Given, root: Path, modes: Iterable[str | None], tell: Tell) -> Stores:
    """Load it as the jobs will, in each mode; tells all that is wrong with it."""
    path, mode = _known(given.config), _known(given.mode)
    if given.config is not None and path and not is_there(root / path):
        message = f"`config` names {path}, and there is no such file in the repository"
        fix = f"the path from the root of the repository; leave it out for {FILE}"
        tell(Finding(level="error", file=given.file, line=given.config.line, message=message, fix=fix))
        return Stores()
    sets = tuple(line.strip() for line in (_known(given.settings) or "").splitlines() if line.strip())
    file = Path(path) if path else None
    found: list[Settings] = []
    for one in (mode,) if mode else dict.fromkeys(modes):
        try:
            loaded = load(file, cwd=root, mode=one, environ={})
        except ConfigError as error:
            for problem in error.problems:
                tell(_finding(given, problem, error.hint))
            break
        try:
            found.append(load(file, cwd=root, mode=one, environ={}, sets=sets) if sets else loaded)
        except ConfigError as error:
            for problem in error.problems:
                tell(_of_settings(given, problem))
            break
    return _stores(found)


def _known(tree: Tree | None) -> str | None:
    usable = tree is not None and isinstance(tree.value, str) and not is_open(tree) and "$" not in tree.value
    return str(tree.value) if tree is not None and usable else None


def _finding(given: Given, problem: Problem, hint: str) -> Finding:
    if problem.file is not None:
        return Finding(level="error", file=problem.file, line=problem.line or 1, message=problem.message, fix=hint)
    line = given.mode.line if given.mode is not None and problem.where.startswith("--mode ") else given.line
    where = problem.where.removeprefix("--mode ")
    return Finding(level="error", file=given.file, line=line, message=f"{where}: {problem.message}", fix=hint)


def _of_settings(given: Given, problem: Problem) -> Finding:
    """What is wrong only with the changes that the call makes."""
    line = given.settings.line if given.settings is not None else given.line
    message = f"`settings`: {problem.message}"
    return Finding(level="error", file=given.file, line=line, message=message, fix="one table.key=value per line")


def _stores(found: list[Settings]) -> Stores:
    stores = [one.tables.publish.store for one in found]
    sources = [one.tables.data.source for one in found]
    return Stores(
        store=next((one for one in stores if one and one.startswith(S3)), None),
        source=next((one for one in sources if one and one.startswith(S3)), None),
        own_server=any(one.tables.publish.endpoint for one in found),
        canary=any(one.tables.nightly.canary for one in found),
    )
