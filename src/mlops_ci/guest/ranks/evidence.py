"""The evidence of a training of several processes: that of the process which failed first, not the launcher's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from mlops_ci.guest import layout
from mlops_ci.guest.classify import Evidence, classify
from mlops_ci.guest.output import causes
from mlops_ci.guest.ranks.words import Word, first_failed

FOLLOWING = ("peer-lost", "collective-timeout")
"""Classes of a process that noticed the end of another; where no other failed, they are its own."""


def deciding(evidence: Evidence, words: Sequence[Word], folder: str) -> tuple[Evidence, Word | None]:
    """The evidence to be judged, and the process that it is about; without one that failed, what there was."""
    if evidence.stop is not None or not evidence.failed:
        return evidence, None
    first = first_failed(words, lambda word: classify(of(evidence, word, folder)).name in FOLLOWING)
    if first is None:
        silent = all(word.silent for word in words)
        return (replace(evidence, silent_ranks="all") if silent else evidence), None
    return of(evidence, first, folder), first


def of(evidence: Evidence, word: Word, folder: str) -> Evidence:
    """What is known about the end of one process."""
    return replace(
        evidence,
        code=word.code,
        tail=word.tail,
        exception=causes.exception_of(word.tail, folder),
        last_line=causes.last_line(word.tail),
    )


def rows(words: Sequence[Word], clean: Callable[[str], str]) -> list[dict[str, Any]]:
    """For the outcome: how each process ended, and where its log is, relative to the job folder."""
    return [
        {
            "rank": word.rank,
            "exit_code": None if word.code < 0 else word.code,
            "signal": -word.code if word.code < 0 else None,
            "asked_to_stop": word.asked_to_stop,
            "seconds": round(word.ended - word.started, 3),
            "last_line": clean(causes.last_line(word.tail)),
            "log": f"{layout.RANKS}/{layout.rank_log(word.rank)}",
        }
        for word in words
    ]
