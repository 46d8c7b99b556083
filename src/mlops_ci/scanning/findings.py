"""What a scan can find, whoever found it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["vulnerability", "secret", "misconfiguration", "license"]
Excused = Literal["", "waiver", "vex"]
# The layer of everything that the base image brought.
BASE_LAYER = "base image"

SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that should not be there.

    `where` is the target's name, and a path with a line where there is one. `package`, `installed` and `fixed` (empty:
    no fix yet) belong to vulnerabilities. `layer` is the DiffID of the image layer that brought it, `brought_by` the
    name of ours that it belongs to, `base image` when it came with the base (`inherited`). `published` is the day on
    which the vulnerability became known. `excused` findings do not count; `excuse` is who says so, and why.
    """

    kind: Kind
    id: str
    severity: str
    title: str
    where: str
    package: str = ""
    installed: str = ""
    fixed: str = ""
    status: str = ""
    layer: str = ""
    advice: str = ""
    new_since_base: bool = False
    inherited: bool = False
    brought_by: str = ""
    published: str = ""
    purl: str = ""
    url: str = ""
    excused: Excused = ""
    excuse: str = ""

    @property
    def place(self) -> str:
        """Where it is inside its target: the path, without the target's name and without a line."""
        path = self.where.partition(": ")[2] or self.where
        head, _, line = path.rpartition(":")
        return head if line.isdigit() else path

    @property
    def fixable(self) -> bool:
        """Whether there is something to install, or to change, that removes it."""
        return self.kind != "vulnerability" or bool(self.fixed)

    @property
    def order(self) -> tuple[int, str, str, str]:
        """Worst first, then by what a reader looks for."""
        return (SEVERITIES.index(self.severity), self.package, self.id, self.where)


@dataclass(frozen=True, kw_only=True)
class ScanTarget:
    """A tree that is scanned: `ref` is an image reference, or a folder (also as `env:PATH`).

    An `environment` is a tree of Python packages, a `root` the root file system that this process runs in: `skipped`
    are the folders in it that are no part of the image.
    """

    kind: Literal["image", "environment", "root"]
    ref: str
    name: str
    skipped: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """The path of an environment or a root."""
        return self.ref.removeprefix("env:")
