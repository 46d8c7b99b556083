"""The static checks of one GPU, in their order: the driver's own advice comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mlops_ci.guest.health.card import Card, GoneError
from mlops_ci.guest.health.check import BLOCK, SKIP, Check
from mlops_ci.guest.health.static import activity, condition, links, memory, occupancy

Static = Callable[[Card], Iterator[Check]]

STATIC: tuple[Static, ...] = (
    condition.recovery_action, condition.compute_mode, condition.partitions, condition.persistence, condition.inforom,
    memory.ecc_mode, memory.ecc_errors, memory.remapped_rows, memory.remap_banks, memory.retired_pages,
    memory.unrepairable, activity.temperature, activity.brakes, activity.power_limit, activity.clocks,
    links.pcie_width, links.nvlink, links.fabric, occupancy.leftover,
)  # fmt: skip


def static_checks(card: Card) -> Iterator[Check]:
    """All of them; a GPU that is lost on the way ends them, and an answer that nobody can read is no pass."""
    for check in STATIC:
        try:
            yield from check(card)
        except GoneError as gone:
            yield lost(gone)
            return
        except Exception as error:
            name = check.__name__.replace("_", "-")
            yield Check(name, SKIP, cause=f"the driver's answer is garbage: {type(error).__name__}: {error}")


def lost(gone: GoneError) -> Check:
    """A GPU that the driver has lost."""
    cause = f"the driver has lost this GPU: {gone.text} (asked for {gone.question})"
    advice = "Reboot this node; if it comes back, have card, slot and power looked at."
    return Check("gpu.lost", BLOCK, cause=cause, advice=advice, node=True)
