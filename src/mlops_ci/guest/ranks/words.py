"""What the processes of a training said at their end, and which of them failed first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.guest import layout
from mlops_ci.guest.files import read_json
from mlops_ci.guest.task import Launch

SHOWN_LINES = 20
KILLED = -9


@dataclass(frozen=True)
class Word:
    """How one process ended: `code` is minus the signal for a killed one. Times are Unix times.

    `silent`: its guardian left no word, so it was killed together with it.
    """

    rank: int
    code: int
    asked_to_stop: bool = False
    started: float = 0.0
    ended: float = 0.0
    tail: tuple[str, ...] = ()
    silent: bool = False

    @property
    def failed_itself(self) -> bool:
        """Whether it failed without having been asked to end."""
        return self.code != 0 and not self.asked_to_stop


def read(folder: Path, launch: Launch) -> list[Word]:
    """One per process of this node, by rank."""
    first = launch.node * launch.processes
    return [_word(folder, rank) for rank in range(first, first + launch.processes)]


def _word(folder: Path, rank: int) -> Word:
    try:
        raw = read_json(folder / layout.rank_word(rank))
        return Word(
            rank=rank,
            code=int(raw["code"]),
            asked_to_stop=bool(raw["asked_to_stop"]),
            started=float(raw["started"]),
            ended=float(raw["ended"]),
            tail=tuple(map(str, raw["tail"])),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return Word(rank=rank, code=KILLED, tail=_tail_of(folder / layout.rank_log(rank)), silent=True)


def _tail_of(log: Path) -> tuple[str, ...]:
    try:
        return tuple(log.read_text(encoding="utf-8", errors="replace").splitlines()[-400:])
    except OSError:
        return ()


def first_failed(words: Sequence[Word], follows: Callable[[Word], bool]) -> Word | None:
    """The process whose end decides; None when none has failed by itself.

    `follows` says that a process only noticed the end of another: then that other one, killed without a word or failed
    before, decides.
    """
    spoken = [one for one in words if not one.silent]
    failed = sorted((one for one in spoken if one.failed_itself), key=lambda one: one.ended)
    own = [one for one in failed if not follows(one)]
    silent = [one for one in words if one.silent] if spoken else []
    return next(iter([*own[:1], *silent[:1], *failed[:1]]), None)
