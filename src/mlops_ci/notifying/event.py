"""What can be told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from mlops_ci.files import digest_of
from mlops_ci.providers.text import plain
from mlops_ci.redaction import Redactor

Kind = Literal["failure", "recovery", "promotion", "approval", "missed-run", "decay", "test"]
Trouble = Literal["failure", "missed-run", "decay"]

TROUBLES: tuple[Trouble, ...] = ("failure", "missed-run", "decay")
ICONS: Mapping[Kind, str] = {
    "failure": "❌",
    "recovery": "✅",
    "promotion": "🏆",
    "approval": "✋",
    "missed-run": "⏰",
    "decay": "📉",
    "test": "🔔",
}
# Digits and digests tell two failures of one cause apart where nothing else does.
VARYING = re.compile(r"\b[0-9a-f]{7,}\b|\d+(?:\.\d+)?")
LONGEST = {"title": 120, "reason": 500, "next_step": 300, "link": 500}
LONGEST_OTHER = 120
MOST_FACTS = 8


@dataclass(frozen=True, kw_only=True)
class Line:
    """Which runs belong together: only one of them can end a failure of another."""

    project: str
    config: str = ""
    mode: str = ""
    branch: str = ""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing to tell. `title` is a sentence; `cause` is what tells this trouble from another of its kind.

    `ends` are the kinds of trouble that are over when this is true. `link` is an address for people.
    """

    kind: Kind
    line: Line
    title: str
    at: str
    reason: str = ""
    next_step: str = ""
    link: str = ""
    run: str = ""
    commit: str = ""
    cause: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    ends: tuple[Trouble, ...] = ()

    @property
    def cause_digest(self) -> str:
        """The same for two failures that differ in figures, digests and times alone."""
        return digest_of([self.kind, VARYING.sub("#", self.cause or self.title)])[:16]

    @property
    def id(self) -> str:
        """The same event of the same run has the same id."""
        return f"{self.kind}:{self.run or self.at}:{self.cause_digest}"

    def cleaned(self, redactor: Redactor) -> Event:
        """Without secrets and control characters, each text on one line and short."""

        def clean(text: str, longest: int) -> str:
            flat = " ".join(redactor.clean(plain(text)).split())
            return flat if len(flat) <= longest else flat[: longest - 1] + "…"

        texts: dict[str, Any] = {
            one.name: clean(value, LONGEST.get(one.name, LONGEST_OTHER))
            for one in fields(self)
            if isinstance(value := getattr(self, one.name), str) and one.name not in ("kind", "cause")
        }
        line = Line(**{one.name: clean(getattr(self.line, one.name), LONGEST_OTHER) for one in fields(Line)})
        facts = {clean(name, 40): clean(value, LONGEST_OTHER) for name, value in list(self.facts.items())[:MOST_FACTS]}
        return replace(self, **texts, cause=self.cause or self.title, line=line, facts=facts)

    @property
    def values(self) -> dict[str, str | Mapping[str, str]]:
        """What a template can ask for."""
        line = self.line
        about = (("project", line.project), ("mode", line.mode), ("branch", line.branch), ("commit", self.commit[:12]))
        words = [f"{name} {value}" for name, value in (*about, ("run", self.run)) if value]
        return {
            "id": self.id,
            "kind": self.kind,
            "icon": ICONS[self.kind],
            "headline": f"{ICONS[self.kind]} {self.title}",
            "title": self.title,
            "reason": self.reason,
            "next_step": self.next_step,
            "link": self.link if self.link.startswith(("https://", "http://")) else "",
            "project": line.project,
            "config": line.config,
            "mode": line.mode,
            "branch": line.branch,
            "commit": self.commit,
            "run": self.run,
            "at": self.at,
            "facts": self.facts,
            "about": " · ".join([*words, self.at]),
        }


def topics(event: Event) -> Iterator[tuple[str, str]]:
    """Kind and key of each memory that the event concerns: its own, or that of every trouble that it ends."""
    for kind in event.ends if event.kind == "recovery" else (event.kind,):
        # Whether a nightly run happened, or the champion became worse, is no matter of a branch.
        line = event.line if kind not in ("missed-run", "decay") else replace(event.line, branch="")
        name = digest_of([kind, line.config, line.mode, line.branch])[:16]
        yield kind, f"notifications/{_part(line.project)}/{kind}-{name}.json"


def _part(project: str) -> str:
    """A project's name as a part of a key in any store."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", project).strip(".") or "project"
