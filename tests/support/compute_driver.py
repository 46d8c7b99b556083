"""Runs active checks on the CPU under a Python that has torch: faults on standard input, checks on standard output."""

from __future__ import annotations

import json
import sys
import time

import torch
from compute_faults import Fault

from mlops_ci.guest.health.active.catalogue import CHECKS
from mlops_ci.guest.health.active.context import Context, applies, untouched


def main() -> None:
    torch.set_num_threads(2)
    known = {check.id: check for check in CHECKS}
    results = []
    for case in json.load(sys.stdin):
        fault = Fault(torch, case["fault"]) if case.get("fault") else untouched
        names = [case["check"]] if "check" in case else [one.id for one in CHECKS if applies(one, gpus=0)]
        began = time.process_time()
        rows = []
        for name in names:
            context = Context(torch=torch, device="cpu", budget=20, faults=fault, table=case.get("table", {}))
            rows += [check.as_json() for check in known[name].run(context)]
        results.append({"name": case["name"], "checks": rows, "cpu_seconds": time.process_time() - began})
    print(json.dumps(results))


if __name__ == "__main__":
    main()
