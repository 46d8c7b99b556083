"""What is wrong with a configuration: every problem with its place, all of them in one error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_ci.errors import UsageError

DOCUMENTED = "every key is explained in the file that `mlops-ci init` writes"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong. `where` is a file and line, a variable or a flag; the rest is for annotations."""

    where: str
    message: str
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class ConfigError(UsageError):
    """The configuration is wrong. `problems` has all that was found, in the order of the file."""

    def __init__(self, problems: Sequence[Problem], *, hint: str = DOCUMENTED, details: tuple[str, ...] = ()) -> None:
        ordered = sorted(problems, key=lambda problem: (problem.file is None, problem.file or "", problem.line or 0))
        if len(ordered) == 1:
            cause, lines = str(ordered[0]), details
        else:
            cause, lines = f"the configuration has {len(ordered)} errors", tuple(map(str, ordered)) + details
        super().__init__(cause, hint=hint, details=lines)
        self.problems = tuple(ordered)
