"""A progress bar as one line of text."""

from __future__ import annotations

from mlops_ci.console import Status
from mlops_ci.providers.text import flat

WIDTH = 24
DONE, REST = "━", "─"
# What moves where nobody knows how far the work is: one piece, to and fro.
PIECE = 6
STEPS_PER_SECOND = 8
BLUE, DIM, RESET = "\x1b[34m", "\x1b[2m", "\x1b[0m"


def bar(status: Status, *, columns: int, colour: bool) -> str:
    """`title ━━━━━━──────  45 %  detail  (12 s)`, cut to fewer than `columns` characters so that it stays one line."""
    done, rest_before = _pieces(status)
    percent = "" if status.fraction is None else f" {status.fraction:4.0%}"
    detail = f"  {flat(status.detail)}" if status.detail else ""
    head, tail = f"{flat(status.title)} ", f"{percent}{detail}  ({status.seconds:.0f} s)"
    room = columns - 1 - WIDTH
    if len(head) + len(tail) > room:
        head = head[: max(0, 2 * room // 3)]
        tail = tail[: max(0, room - len(head))]
    rest_after = WIDTH - rest_before - done
    if not colour:
        return f"{head}{REST * rest_before}{DONE * done}{REST * rest_after}{tail}"[: columns - 1]
    drawn = f"{DIM}{REST * rest_before}{RESET}{BLUE}{DONE * done}{RESET}{DIM}{REST * rest_after}{RESET}"
    return f"{head}{drawn}{tail}"


def _pieces(status: Status) -> tuple[int, int]:
    """How many cells are drawn as done, and how many stand before them."""
    if status.fraction is not None:
        return round(WIDTH * status.fraction), 0
    room = WIDTH - PIECE
    step = int(status.seconds * STEPS_PER_SECOND) % (2 * room)
    return PIECE, step if step <= room else 2 * room - step
