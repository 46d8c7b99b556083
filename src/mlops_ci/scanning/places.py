"""The line of a file in the repository that brought a finding in, as far as it is known."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.scanning.findings import Finding
from mlops_ci.scanning.repository import NAME as REPOSITORY

LINE = re.compile(r":(\d+)$")
# The order in which a package is looked for: a lock says more than what it was made from.
LOCKS = ("uv.lock", "requirements.lock", "requirements.txt", "pyproject.toml")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A file of the repository, by its path from the top, and a line in it."""

    path: str
    line: int = 1


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where the parts of the image are written down: the folder of the configuration, and paths relative to it.

    `prefix` is that folder's own path from the top of the repository.
    """

    root: Path | None = None
    prefix: str = ""
    config: str = "mlops.toml"
    requirements: str | None = None
    extra: str | None = None
    dockerfile: str | None = None

    def of(self, finding: Finding) -> Place:
        """The most exact place that is known, at worst the configuration that asks for the image."""
        place = self._of(finding)
        return Place(path=f"{self.prefix}/{place.path}" if self.prefix else place.path, line=place.line)

    def _of(self, finding: Finding) -> Place:
        if finding.where.startswith(f"{REPOSITORY}: "):
            return self._own(finding)
        if finding.purl.startswith("pkg:pypi/"):
            files: Iterable[str | None] = (self.extra, self.requirements, *LOCKS)
        else:
            files = (self.dockerfile, self.config)
        for name in dict.fromkeys(one for one in files if one):
            line = self._line(name, finding.package) if finding.package else 0
            if line:
                return Place(path=name, line=line)
        return Place(path=self.dockerfile or self.config)

    def _own(self, finding: Finding) -> Place:
        path = finding.where.partition(": ")[2]
        found = LINE.search(path)
        return Place(path=finding.place, line=max(1, int(found[1])) if found else 1)

    def _line(self, name: str, package: str) -> int:
        """The first line that names the package, 0 when none does."""
        if self.root is None:
            return 0
        words = "[-_.]+".join(map(re.escape, re.split("[-_.]+", package)))
        pattern = re.compile(rf"(?<![\w.-]){words}(?![\w-])", re.IGNORECASE)
        try:
            lines = (self.root / name).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return 0
        return next((number for number, line in enumerate(lines, start=1) if pattern.search(line.partition("#")[0])), 0)
