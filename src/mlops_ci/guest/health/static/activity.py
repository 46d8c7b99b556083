"""Heat, brakes, power and clocks as they are before the job does anything."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_ci.guest.health.card import Answer, Card, unseen
from mlops_ci.guest.health.check import BLOCK, PASS, WARN, Check

SENSOR_GPU = 0
SHUTDOWN, SLOWDOWN = 0, 1
CLOCK_SM = 1
SW_THERMAL = 0x20
BRAKES = {0x08: "hardware slowdown", 0x40: "hardware slowdown by heat", 0x80: "power brake"}
"""nvml.h, nvmlClocksEventReason*: the other bits (idle, set clocks, power cap, sync boost, display) are no faults."""


def temperature(card: Card) -> Iterator[Check]:
    """Cooler than where this very card slows itself down."""
    now = card.ask("nvmlDeviceGetTemperature", SENSOR_GPU)
    limit = card.ask("nvmlDeviceGetTemperatureThreshold", SLOWDOWN)
    if not now.there or not limit.there or not limit.value:
        yield unseen("thermal", now if not now.there else Answer(None, limit.reason or "the card names no limit"))
    elif now.value >= limit.value:
        cause = f"{now.value} °C before any load, and this card slows down from {limit.value} °C on"
        yield Check("thermal", BLOCK, now.value, limit.value, "°C", cause, "Look at fans and air flow.", node=True)
    else:
        yield Check("thermal", PASS, now.value, limit.value, "°C")


def reasons(card: Card) -> Answer:
    """The bits that say why the clocks are lower than they could be; older drivers use an older name."""
    found = card.ask("nvmlDeviceGetCurrentClocksEventReasons")
    return found if found.there else card.ask("nvmlDeviceGetCurrentClocksThrottleReasons")


def brakes(card: Card) -> Iterator[Check]:
    """Nothing slows it down while it does nothing."""
    found = reasons(card)
    if not found.there:
        yield unseen("throttle.idle", found)
        return
    hard = [words for bit, words in BRAKES.items() if found.value & bit]
    if hard:
        cause = f"slowed down without any load: {', '.join(hard)}"
        advice = "Look at cooling, power supply and power cables of this node."
        yield Check("throttle.idle", BLOCK, f"{found.value:#x}", None, "", cause, advice, node=True)
    elif found.value & SW_THERMAL:
        cause = "the driver holds the clocks down because of heat, without any load"
        yield Check("throttle.idle", WARN, f"{found.value:#x}", None, "", cause, "Look at fans and air flow.")
    else:
        yield Check("throttle.idle", PASS, f"{found.value:#x}")


def power_limit(card: Card) -> Iterator[Check]:
    """Nobody has capped the card below what it is made for."""
    now, normal = card.ask("nvmlDeviceGetEnforcedPowerLimit"), card.ask("nvmlDeviceGetPowerManagementDefaultLimit")
    if not now.there or not normal.there or not normal.value:
        yield unseen("power.limit", now if not now.there else Answer(None, normal.reason or "the card has no default"))
    elif now.value < card.limit("power.limit") * normal.value:
        cause = f"power is capped at {now.value / 1000:.0f} W, the default is {normal.value / 1000:.0f} W"
        advice = "Training will be slower; set it back on the host (nvidia-smi -pl) unless that is meant."
        yield Check("power.limit", WARN, now.value / 1000, normal.value / 1000, "W", cause, advice)
    else:
        yield Check("power.limit", PASS, now.value / 1000, normal.value / 1000, "W")


def clocks(card: Card) -> Iterator[Check]:
    """Nobody has set the clocks lower than they can be."""
    top, chosen = card.ask("nvmlDeviceGetMaxClockInfo", CLOCK_SM), card.ask("nvmlDeviceGetApplicationsClock", CLOCK_SM)
    default = card.ask("nvmlDeviceGetDefaultApplicationsClock", CLOCK_SM)
    if not top.there or not chosen.there or not default.there:
        yield unseen("clocks.set", next(one for one in (top, chosen, default) if not one.there))
    elif chosen.value < card.limit("clocks.locked") * default.value:
        cause = f"the clock of the multiprocessors was set to {chosen.value} MHz, the default is {default.value} MHz"
        advice = "Training will be slower; set it back on the host (nvidia-smi -rac) unless that is meant."
        yield Check("clocks.set", WARN, chosen.value, default.value, "MHz", cause, advice)
    else:
        yield Check("clocks.set", PASS, chosen.value, default.value, "MHz", evidence=f"up to {top.value} MHz")
