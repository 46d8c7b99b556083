"""Memory that has failed, or is about to: ECC, remapped rows, retired pages."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_ci.guest.health.card import Card, unseen
from mlops_ci.guest.health.check import BLOCK, PASS, WARN, Check

UNCORRECTED, VOLATILE = 1, 0
REPLACE = "Have this GPU replaced."
RESET = "Reset this GPU (nvidia-smi --gpu-reset, with nothing running on it) or reboot this node."


def ecc_mode(card: Card) -> Iterator[Check]:
    """Whether memory errors are corrected. A card that has no ECC is not worse for it."""
    found = card.ask("nvmlDeviceGetEccMode")
    if not found.there:
        yield unseen("ecc.mode", found)
        return
    now, pending = found.value
    if now != pending:
        cause = f"ECC is {_on(now)} and will be {_on(pending)} after a reset"
        yield Check("ecc.mode", WARN, _on(now), _on(pending), "", cause, RESET)
    elif not now and _made_for_ecc(card):
        advice = "Switch it on (nvidia-smi -e 1) and reset, unless that is meant."
        yield Check("ecc.mode", WARN, "off", "on", "", "this GPU has ECC, and it is switched off", advice)
    elif not now:
        yield Check("ecc.mode", PASS, "off", evidence="off is the default of this card")
    else:
        yield Check("ecc.mode", PASS, "on")


def ecc_errors(card: Card) -> Iterator[Check]:
    """Uncorrectable errors since the last reset, and memory that the driver says is worn out."""
    found = card.ask("nvmlDeviceGetTotalEccErrors", UNCORRECTED, VOLATILE)
    if not found.there:
        yield unseen("ecc.uncorrected", found)
    elif found.value:
        cause = f"{found.value} uncorrectable memory errors since the last reset"
        yield Check("ecc.uncorrected", BLOCK, found.value, 0, "errors", cause, RESET, node=True)
    else:
        yield Check("ecc.uncorrected", PASS, 0, 0, "errors")
    yield _sram(card)


def _sram(card: Card) -> Check:
    found = card.filled("nvmlDeviceGetSramEccErrorStatus", "c_nvmlEccSramErrorStatus_v1_t", "nvmlEccSramErrorStatus_v1")
    if not found.there:
        return unseen("ecc.sram", found)
    status, limit = found.value, int(card.limit("ecc.sram.uncorrected"))
    total = int(status.aggregateUncParity + status.aggregateUncSecDed)
    if status.bThresholdExceeded:
        cause = "errors of the on-chip memory are beyond the vendor's threshold"
        return Check("ecc.sram", BLOCK, total, limit, "errors", cause, REPLACE, node=True)
    if total > limit:
        cause = f"{total} uncorrectable errors of the on-chip memory over this card's life"
        return Check("ecc.sram", WARN, total, limit, "errors", cause, "Watch this GPU; it may have to be replaced.")
    return Check("ecc.sram", PASS, total, limit, "errors")


def remapped_rows(card: Card) -> Iterator[Check]:
    """Rows that were replaced by spare ones, those that wait for it, and spares that are used up."""
    found = card.ask("nvmlDeviceGetRemappedRows")
    if not found.there:
        yield unseen("remap", found)
        return
    _, bad, pending, failed = (int(one) for one in found.value)
    limit = int(card.limit("remap.uncorrectable"))
    if failed:
        cause = "a memory row could not be replaced: the spare ones are used up"
        yield Check("remap.failure", BLOCK, True, False, "", cause, REPLACE, node=True)
    else:
        yield Check("remap.failure", PASS, False, False)
    if pending:
        cause = "a bad memory row waits to be replaced: the GPU has not been reset since it was found"
        yield Check("remap.pending", BLOCK, True, False, "", cause, RESET, node=True)
    else:
        yield Check("remap.pending", PASS, False, False)
    if bad >= limit:
        cause = f"{bad} memory rows were replaced after uncorrectable errors"
        yield Check("remap.uncorrectable", BLOCK, bad, limit, "rows", cause, REPLACE, node=True)
    else:
        yield Check("remap.uncorrectable", PASS, bad, limit, "rows")


def remap_banks(card: Card) -> Iterator[Check]:
    """How many memory banks have few or no spare rows left."""
    found = card.ask("nvmlDeviceGetRowRemapperHistogram")
    if not found.there:
        yield unseen("remap.banks", found)
        return
    none, low = int(found.value.none), int(found.value.low)
    if none:
        cause = f"{none} memory banks have no spare row left"
        yield Check("remap.banks", BLOCK, none, 0, "banks", cause, REPLACE, node=True)
    elif low:
        cause = f"{low} memory banks have few spare rows left"
        yield Check("remap.banks", WARN, low, 0, "banks", cause, "Plan to have this GPU replaced.")
    else:
        yield Check("remap.banks", PASS, 0, 0, "banks")


def retired_pages(card: Card) -> Iterator[Check]:
    """Pages that were taken out of use, on GPUs older than Ampere."""
    pages = [card.ask("nvmlDeviceGetRetiredPages", cause) for cause in (0, 1)]
    missing = next((one for one in pages if not one.there), None)
    if missing is not None:
        yield unseen("pages.retired", missing)
        return
    pending = card.ask("nvmlDeviceGetRetiredPagesPendingStatus")
    count = sum(len(one.value) for one in pages)
    hard, soft = int(card.limit("pages.retired")), int(card.limit("pages.retired.soft"))
    if pending.value:
        cause = "a bad memory page waits to be taken out of use"
        yield Check("pages.retired", BLOCK, count, hard, "pages", cause, RESET, node=True)
    elif count >= hard:
        cause = f"{count} memory pages are out of use: there is no room for more"
        yield Check("pages.retired", BLOCK, count, hard, "pages", cause, REPLACE, node=True)
    elif count >= soft:
        cause = f"{count} memory pages are out of use"
        yield Check("pages.retired", WARN, count, soft, "pages", cause, "Watch this GPU.")
    else:
        yield Check("pages.retired", PASS, count, soft, "pages")


def unrepairable(card: Card) -> Iterator[Check]:
    """Memory that the driver cannot repair any more."""
    found = card.ask("nvmlDeviceGetUnrepairableMemoryFlag_v1")
    if not found.there:
        yield unseen("memory.unrepairable", found)
    elif found.value:
        cause = "the driver says that this GPU's memory cannot be repaired"
        yield Check("memory.unrepairable", BLOCK, True, False, "", cause, REPLACE, node=True)
    else:
        yield Check("memory.unrepairable", PASS, False, False)


def _made_for_ecc(card: Card) -> bool:
    default = card.ask("nvmlDeviceGetDefaultEccMode")
    if not default.there:
        return "GeForce" not in card.name
    # NVIDIA's binding gives a list of one here, and a number elsewhere.
    return bool(default.value[0] if isinstance(default.value, list) else default.value)


def _on(state: int) -> str:
    return "on" if state else "off"
