"""One rank of the all-reduce: `torchrun -m mlops_ci.guest.health.active.collective_worker cpu|cuda`.

The integers of all ranks sum to known ones: each rank knows the right answer without asking another.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from datetime import timedelta
from typing import Any

from mlops_ci.guest.health.active.ranks import MARK

GPU_BYTES, CPU_BYTES = 2**28, 2**22
WARM, GPU_TIMES, CPU_TIMES = 3, 15, 5
PERIOD = 1021
TIMEOUT = timedelta(minutes=2)
"""Longer than the deadline of whoever started the ranks: a hang is told by them, with the step of each rank."""


def main(arguments: list[str]) -> int:
    """`cpu` or `cuda`; prints marked lines: each step that begins, then the result."""
    _say({"step": "import"})
    import torch
    import torch.distributed as dist

    cpu = arguments[0] == "cpu"
    rank, count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    device = "cpu" if cpu else f"cuda:{os.environ['LOCAL_RANK']}"
    _say({"step": "device"})
    if cpu:
        # A fork has none of the threads that its parent may have had for computing.
        torch.set_num_threads(1)
    else:
        torch.cuda.set_device(device)
    _say({"step": "meeting the others"})
    dist.init_process_group("gloo" if cpu else "nccl", timeout=TIMEOUT)
    try:
        _say({"step": "all-reduce"})
        row = measure(torch, dist, device, rank, count)
    finally:
        dist.destroy_process_group()
    _say(row)
    return 0


def measure(torch: Any, dist: Any, device: str, rank: int, count: int) -> dict[str, Any]:
    """Wrong elements, and the bus bandwidth S/t x 2(n-1)/n in GB/s."""
    elements = (CPU_BYTES if device == "cpu" else GPU_BYTES) // 4
    base = (torch.arange(elements, device=device) % PERIOD).float()
    given = base + rank
    dist.all_reduce(given)
    # Integers below 2^24, exact in float32 in any order: n x base + (0 + 1 + ... + n-1).
    expected = base * count + count * (count - 1) // 2
    wrong = int((given != expected).sum())
    taken = []
    for turn in range(WARM + (CPU_TIMES if device == "cpu" else GPU_TIMES)):
        dist.barrier()
        _sync(torch, device)
        started = time.perf_counter()
        dist.all_reduce(base)
        _sync(torch, device)
        if turn >= WARM:
            taken.append(time.perf_counter() - started)
    seconds = statistics.median(taken)
    busbw = elements * 4 / seconds * 2 * (count - 1) / count / 1e9
    return {"wrong": wrong, "elements": elements, "busbw": busbw}


def _say(row: dict[str, Any]) -> None:
    sys.stdout.write(f"\n{MARK}{json.dumps(row)}\n")
    sys.stdout.flush()


def _sync(torch: Any, device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
