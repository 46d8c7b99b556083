"""PCI Express, NVLink and the fabric of NVSwitches."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlops_ci.guest.health.card import Answer, Card, unseen
from mlops_ci.guest.health.check import BLOCK, PASS, SKIP, WARN, Check
from mlops_ci.guest.health.tables import table

LINKS = 36
"""More than any GPU has: the driver refuses a number that is too high."""

COMPLETED, NOT_SUPPORTED = 3, 0
DESKTOP = "GeForce"


def pcie_width(card: Card) -> Iterator[Check]:
    """All lanes that slot and card can have. The generation drops while idle, and is looked at under load."""
    now, top = card.ask("nvmlDeviceGetCurrPcieLinkWidth"), card.ask("nvmlDeviceGetMaxPcieLinkWidth")
    if not now.there or not top.there or not top.value:
        yield unseen("pcie.width", now if not now.there else Answer(None, top.reason or "the card names no width"))
    else:
        yield judged_width(card.name, int(now.value), int(top.value))


def judged_width(name: str, now: int, top: int) -> Check:
    """So many lanes of a card of this name. Boards for desktops share lanes between slots: that is no fault."""
    if now >= top:
        return Check("pcie.width", PASS, now, top, "lanes")
    if now >= _least(name, top):
        return Check("pcie.width", PASS, now, top, "lanes", evidence="as many as clouds give this model")
    cause = f"{now} of {top} PCI Express lanes are up"
    advice = "Have the card seated again, and slot and riser looked at."
    if DESKTOP in name:
        advice += " Boards that share lanes between two slots show the same."
        return Check("pcie.width", WARN, now, top, "lanes", cause, advice)
    return Check("pcie.width", BLOCK, now, top, "lanes", cause, advice, node=True)


def _least(name: str, top: int) -> int:
    rows = table("lanes")["least"]
    return next((int(row["lanes"]) for row in rows if re.search(rf"\b(?:{row['match']})\b", name)), top)


def nvlink(card: Card) -> Iterator[Check]:
    """No link is down where another one is up."""
    states: list[int] = []
    for number in range(LINKS):
        found = card.ask("nvmlDeviceGetNvLinkState", number)
        if not found.there:
            if not states:
                yield unseen("nvlink", found)
                return
            break
        states.append(int(found.value))
    up = sum(states)
    if 0 < up < len(states):
        down = ", ".join(str(number) for number, state in enumerate(states) if not state)
        cause = f"{up} of {len(states)} NVLinks are up; down: {down}"
        advice = "Reset this GPU and those it is linked to; if it stays so, have the links looked at."
        yield Check("nvlink", BLOCK, up, len(states), "links", cause, advice, node=True)
    elif not up:
        yield Check("nvlink", SKIP, 0, len(states), "links", "no NVLink is up: there may be no bridge")
    else:
        yield Check("nvlink", PASS, up, len(states), "links")


def fabric(card: Card) -> Iterator[Check]:
    """Where NVSwitches connect the GPUs, the fabric manager has finished its work."""
    found = card.filled("nvmlDeviceGetGpuFabricInfoV", "c_nvmlGpuFabricInfo_v2_t", "nvmlGpuFabricInfo_v2")
    if not found.there:
        yield unseen("fabric", found)
    elif found.value.state == NOT_SUPPORTED:
        yield Check("fabric", SKIP, cause="this GPU is in no fabric")
    elif found.value.state != COMPLETED:
        cause = "the fabric of NVSwitches is not initialised: CUDA will fail with error 802"
        advice = "Start nvidia-fabricmanager of the driver's own version on the host."
        yield Check("fabric", BLOCK, found.value.state, COMPLETED, "", cause, advice, node=True)
    elif found.value.status:
        cause = f"this GPU could not join the fabric of NVSwitches (status {found.value.status})"
        yield Check("fabric", BLOCK, found.value.status, 0, "", cause, "Look at fabric manager's log.", node=True)
    elif found.value.healthMask & 3 == 1:
        cause = "the fabric of NVSwitches runs with less bandwidth than it has"
        yield Check("fabric", WARN, "degraded", "full", "", cause, "Look at fabric manager's log.")
    else:
        yield Check("fabric", PASS, "completed")
