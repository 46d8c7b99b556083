"""The examination of the node: driver, GPUs, device nodes, kernel log, libraries. No GPU is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.guest.health import xid
from mlops_ci.guest.health.check import Check
from mlops_ci.guest.health.count import chosen, driver_count
from mlops_ci.guest.health.driver import device_nodes, listed, open_driver, package, present, versions
from mlops_ci.guest.health.libraries import check_libraries
from mlops_ci.guest.health.row import Say


@dataclass(frozen=True)
class Places:
    """Where the node's facts are."""

    dev: Path = Path("/dev")
    kmsg: Path = xid.KMSG
    logs: tuple[Path, ...] = xid.FILES


def survey(say: Say, *, wanted: int, environment: Mapping[str, str], places: Places = Places()) -> None:
    """Look at all of it and tell it."""

    def check(one: Check) -> None:
        say("check", one.as_json())

    def note(question: str) -> None:
        say("step", f"driver {question}")

    nodes = device_nodes(places.dev)
    driver = open_driver(note)
    check(present(driver, nodes=nodes, note=note))
    for one in package():
        check(one)
    gpus, gone = listed(driver, note)
    for one in gone:
        check(one)
    usable = chosen(gpus, environment)
    if driver.binding is not None:
        for one in driver_count(gpus, usable, nodes=nodes, wanted=wanted, environment=environment):
            check(one)
        version, cuda = versions(driver, note)
        say("fact", ["driver", {"version": version, "cuda": cuda}])
        say("fact", ["listed", len(gpus)])
        say("fact", ["gpus", [vars(gpu) for gpu in usable]])
    say("step", "kernel log")
    lines, why = xid.read_log(places.kmsg, places.logs)
    check(xid.history(lines, why, [gpu.bus for gpu in usable]))
    for one in check_libraries(environment, [gpu.name for gpu in usable]):
        check(one)
    say("end", None)


def gpus_of(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The GPUs in a survey's facts."""
    return list(facts.get("gpus") or ())
