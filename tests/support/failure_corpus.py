"""The labelled logs of tests/corpus/failures, what the table of classes makes of them, and how often it is right."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.guest.classify import Evidence, classify
from mlops_ci.guest.output import causes
from mlops_ci.guest.sampling.reports import meaning

FOLDER = Path(__file__).parents[1] / "corpus" / "failures"
UNSEEN = FOLDER.with_name("failures-held-out")
"""Logs that were written when the rules were done; no rule may be changed because of them."""

WORK = "/mlops/work"


@dataclass(frozen=True)
class Judged:
    """One log: the class that a person gave it and the one that the table gave it."""

    place: str
    expected: str
    got: str


def evidence(case: Mapping[str, Any]) -> Evidence:
    """What the guest would know."""
    lines = [line for line in case["log"].split("\n") if line]
    return Evidence(
        code=case["code"],
        command="python train.py",
        stop=case.get("stop"),
        checkpoint_saved=case.get("saved", False),
        resumed=case.get("resumed", False),
        tail=lines,
        exception=causes.exception_of(lines, WORK),
        last_line=causes.last_line(lines),
        oom_kills=case.get("oom_kills", 0),
        full_folder=case.get("full_folder"),
        non_finite=case.get("non_finite", ()),
        xids=[(code, *meaning(code)) for code in case.get("xids", ())],
        lost_gpus=case.get("lost_gpus"),
        timeout=60,
        stall=60,
    )


def judged(folder: Path = FOLDER) -> list[Judged]:
    """Every log. A case without a class has that of its file's name."""
    found = []
    for path in sorted(folder.glob("*.toml")):
        for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]:
            expected = case.get("class", path.stem)
            found.append(Judged(f"{path.stem}: {case['name']}", expected, classify(evidence(case)).name))
    return found


def measured(rows: Sequence[Judged]) -> dict[str, tuple[int, float, float]]:
    """By class: how many logs, precision, recall."""
    expected = Counter(row.expected for row in rows)
    got = Counter(row.got for row in rows)
    right = Counter(row.expected for row in rows if row.expected == row.got)
    return {
        name: (expected[name], right[name] / got[name] if got[name] else 1.0, right[name] / expected[name])
        for name in sorted(expected)
    }


def confusions(rows: Sequence[Judged]) -> dict[tuple[str, str], int]:
    """Expected and got, where they differ."""
    return dict(Counter((row.expected, row.got) for row in rows if row.expected != row.got))
