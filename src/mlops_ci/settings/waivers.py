"""Waivers: findings that somebody answers for, for a while. And the VEX documents beside them."""

from __future__ import annotations

from dataclasses import dataclass, field

# Beside `mlops.toml`.
WAIVERS_FILE = "waivers.toml"


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """One entry of `waivers.toml`: a finding by its `id`, in a `package` or at a place (`path`), until `expires`.

    `expires` is a day (YYYY-MM-DD), the last one on which it holds. `line` is where it stands in the file.
    """

    id: str
    reason: str
    expires: str
    package: str = ""
    path: str = ""
    owner: str = ""
    line: int = 0

    @property
    def named(self) -> str:
        """What it is for, in words."""
        return f"{self.id} in {self.package or self.path}"


@dataclass(frozen=True, kw_only=True)
class VexFile:
    """A VEX document: its name beside `mlops.toml`, and its text."""

    name: str
    text: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Exceptions:
    """All that lets a finding pass: read from the base commit where a pull request is judged."""

    waivers: tuple[Waiver, ...] = ()
    vex: tuple[VexFile, ...] = ()
