"""A console whose listener remembers what it heard."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlops_ci.console import Level, NullSink, Status


@dataclass
class Heard(NullSink):
    """Lines, with folds' titles and annotations among them; annotations, masked secrets and what the bar showed."""

    lines: list[str] = field(default_factory=list)
    annotations: list[tuple[Level, str, str]] = field(default_factory=list)
    masked: list[str] = field(default_factory=list)
    statuses: list[Status | None] = field(default_factory=list)
    live: bool = False

    def line(self, text: str) -> None:
        self.lines.append(text)

    def open_fold(self, name: str, title: str) -> None:
        self.lines.append(f"> {title}")

    def annotate(self, level: Level, title: str, text: str, file: str | None = None, line: int | None = None) -> None:
        self.annotations.append((level, title, text))
        self.lines.append(f"{level}: {title}: {text}")

    def mask(self, secret: str) -> None:
        self.masked.append(secret)

    def status(self, status: Status | None) -> None:
        self.statuses.append(status)

    @property
    def warnings(self) -> list[str]:
        return [f"{title}: {text}" for level, title, text in self.annotations if level == "warning"]
