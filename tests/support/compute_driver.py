"""Runs active checks on the CPU under a Python that has torch: faults on standard input, checks on standard output.

A history is that of the healthy device: of the case that has no fault, else as it is once measured for all.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from compute_faults import Fault

from mlops_ci.guest.health.active import exact
from mlops_ci.guest.health.active.catalogue import CHECKS
from mlops_ci.guest.health.active.context import ActiveCheck, Context, Hook, applies, untouched
from mlops_ci.guest.health.active.history import against_history, rates
from mlops_ci.guest.health.check import Check

SHAPES, KINDS = exact.CPU_SHAPE, exact.kinds


def with_shape(shape: list[int] | None) -> None:
    """Let the exact products have the shape that a GPU gives them, of float32 alone; without one, a CPU's again."""
    exact.CPU_SHAPE = SHAPES if shape is None else (tuple(shape),)
    exact.kinds = KINDS if shape is None else lambda context: [one for one in KINDS(context) if one.name == "fp32"]


def main() -> None:
    torch.set_num_threads(2)
    known = {check.id: check for check in CHECKS}
    results, healthy = [], []
    for case in json.load(sys.stdin):
        fault = Fault(torch, case["fault"]) if case.get("fault") else untouched
        names = [case["check"]] if "check" in case else [one.id for one in CHECKS if applies(one, gpus=0)]
        with_shape(case.get("shape"))
        began = time.process_time()
        checks = run(known, names, fault, case)
        if case.get("past"):
            healthy = healthy or run(known, names, untouched, case)
            checks += against_history(checks, past(healthy))
        elif not case.get("fault"):
            healthy = checks
        rows = [check.as_json() for check in checks]
        results.append({"name": case["name"], "checks": rows, "cpu_seconds": time.process_time() - began})
    print(json.dumps(results))


def run(known: Mapping[str, ActiveCheck], names: Sequence[str], fault: Hook, case: Mapping[str, Any]) -> list[Check]:
    """The checks of these names with a fault."""
    found: list[Check] = []
    for name in names:
        context = Context(torch=torch, device="cpu", budget=20, faults=fault, table=case.get("table", {}))
        found += known[name].run(context)
    return found


def past(checks: Sequence[Check]) -> dict[str, dict[str, list[float]]]:
    """A history in which this device was as fast as it is without the fault."""
    return {device: {name: [rate] * 5 for name, rate in row.items()} for device, row in rates(checks).items()}


if __name__ == "__main__":
    main()
