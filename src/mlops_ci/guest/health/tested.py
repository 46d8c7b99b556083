"""Was a GPU tested at all, where one was asked for? A run in which none was is a failure, whatever else passed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlops_ci.guest.health.check import BLOCK, SKIP, Check

NAME = "gpu.tested"
OF_TABLES = ("driver.", "torch.", "examination.")
"""Checks that name a GPU and look something up, or say why nothing was seen."""


def untested(checks: Sequence[Check], told: Sequence[Check], gpus: int, *, named: bool) -> Iterator[Check]:
    """A finding where no check has seen anything of a GPU. `named`: only some checks were asked for.

    `told` are the checks as they are told, some of them silenced. Where something blocks among these, that is why, and
    it says whether another node may do.
    """
    if any(one.status == BLOCK for one in told):
        return
    unseen = [part for part in map("cuda:{}".format, range(gpus)) if not _seen(checks, part)]
    if not unseen:
        return
    advice = "Look at the checks marked SKIP; a budget of 15 s and more uses the GPU itself."
    if named:
        advice = "Name at least one check that looks at a GPU, or none for all of them; or ask for no GPU."
    are = "1 GPU is" if gpus == 1 else f"{gpus} GPUs are"
    cause = f"{are} asked for, and no check has seen anything of {', '.join(unseen)}"
    yield Check(NAME, BLOCK, gpus - len(unseen), gpus, "GPUs", cause, advice)


def _seen(checks: Sequence[Check], part: str) -> bool:
    return any(
        one.id.endswith(f".{part}") and one.status != SKIP and not one.id.startswith(OF_TABLES) for one in checks
    )
