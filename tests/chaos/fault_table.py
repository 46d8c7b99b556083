"""The faults, what must come of each, and what came of it when it was last played: data, without what plays them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("faults.toml")
SEEN = Path(__file__).with_name("faults_seen.json")
# Where a played fault begins: the run has come so far before it.
BEGINNINGS = ("verify", "evaluate")
AGAIN, NODE, NOBODY, INSIDE, NONE = "the same command", "another node", "nobody", "inside", "not needed"
WHO = {10: AGAIN, 12: AGAIN, 11: NODE}
SAME, KEPT, HALF, DIFFERS = "as undisturbed", "as the other left it", "HALF PUBLISHED", "DIFFERS"
REMOVED = "as undisturbed, once that is removed"
LOGGED = "as undisturbed, and MLflow keeps the failed attempt's point"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One row of the table: what is done, and what must come of it."""

    name: str
    what: str
    begin: str
    class_: str
    exit_code: int
    retry: str
    final: str = SAME
    on: str = "s3"
    script: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[Mapping[str, Any], ...] = ()

    @property
    def expected(self) -> tuple[str, int, str, str]:
        """Class, exit code, who retries, final state."""
        return self.class_, self.exit_code, self.retry, self.final


def faults() -> list[Fault]:
    """All of the table, in its order."""
    return [
        Fault(**{("class_" if key == "class" else key): value for key, value in row.items()})
        for row in tomllib.loads(TABLE.read_text())["fault"]
    ]


def seen() -> dict[str, tuple[Any, ...]]:
    """What came of each fault when it was last played: class, exit code, who retries, final state."""
    return {name: tuple(got) for name, got in json.loads(SEEN.read_text()).items()} if SEEN.exists() else {}


def note(got: Mapping[str, tuple[Any, ...]]) -> None:
    """Keep what has just been seen, in the table's order; what is no longer in the table goes."""
    every = {**seen(), **got}
    lines = [f"  {json.dumps(one.name)}: {json.dumps(list(every[one.name]))}" for one in faults() if one.name in every]
    SEEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")
