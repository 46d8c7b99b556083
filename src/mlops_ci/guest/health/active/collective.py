"""An all-reduce over all GPUs (NCCL), or over two processes on the CPU (gloo): right to the last bit, and how fast.

The processes have torchrun's variables and a deadline: one that hangs, crashes or sums wrong is named. Those of the CPU
are forks of this process, which has imported torch already.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from mlops_ci.guest.health.active import collective_worker, judge
from mlops_ci.guest.health.active.context import Context
from mlops_ci.guest.health.active.guard import SICK, guarded_all
from mlops_ci.guest.health.active.ranks import Launch, run_ranks
from mlops_ci.guest.health.active.reference import node_row
from mlops_ci.guest.health.check import BLOCK, PASS, SKIP, Check

CPU_PROCESSES = 2
DEADLINE = 30.0
USUAL, USUAL_CPU = 8.0, 5.0
"""Seconds that all of it takes at most: with NCCL on GPUs (below its cost in the catalogue), and on a slow CPU."""


def run(context: Context) -> list[Check]:
    """`allreduce.exact` and `allreduce.bandwidth` (bus bandwidth as nccl-tests define it)."""
    return guarded_all(_name("exact", context), lambda: _reduce(context))


def _reduce(context: Context) -> list[Check]:
    count = CPU_PROCESSES if context.cpu else int(context.torch.cuda.device_count())
    if count < 2 and not context.cpu:
        return [Check(_name("exact", context), SKIP, cause=f"an all-reduce needs two GPUs, and torch sees {count}")]
    command = [sys.executable, "-m", collective_worker.__name__, "cuda"]
    program = partial(collective_worker.main, ["cpu"]) if context.cpu else command
    usual = context.by_device(gpu=USUAL, cpu=USUAL_CPU)
    rows = run_ranks(Launch(program, count, _free_port(), min(context.left(), DEADLINE), usual))
    return judged(context, rows)


def judged(context: Context, rows: Sequence[dict[str, Any]]) -> list[Check]:
    """The checks over what the ranks said."""
    backend, count, name = "gloo" if context.cpu else "NCCL", len(rows), _name("exact", context)
    what = f"the {backend} all-reduce over {count} processes"
    broken = [f"rank {row['rank']} {row['error']}" for row in rows if row.get("error")]
    if any(row.get("slow") for row in rows):
        return [Check(name, SKIP, cause=f"no time for {what}: {'; '.join(broken)}")]
    if broken:
        cause = f"{what} did not come to its end: {'; '.join(broken)}"
        advice = "Run on another node; look at NVLink, fabric manager, /dev/shm and the network interfaces of this one."
        return [Check(name, BLOCK, cause=cause, advice=advice, node=True)]
    wrong = {row["rank"]: row["wrong"] for row in rows if row["wrong"]}
    if wrong:
        shown = ", ".join(f"{elements} on rank {rank}" for rank, elements in wrong.items())
        cause = f"{what} gives wrong sums of integers: {shown}"
        return [Check(name, BLOCK, sum(wrong.values()), 0, "wrong elements", cause, SICK, node=True)]
    elements, busbw = rows[0]["elements"], min(float(row["busbw"]) for row in rows)
    exact = Check(name, PASS, 0, 0, f"wrong elements in {elements:.1e}, {count} processes, {backend}")
    nvlink = node_row(context).get("nvlink")
    warn = None if nvlink is None else context.limit("allreduce.warn") * float(nvlink)
    cause = f"{what} has a bus bandwidth of {busbw:.4g} GB/s"
    advice = "Look at NVLink state, fabric manager and NCCL's variables; NCCL_DEBUG=INFO says which way it takes."
    name = _name("bandwidth", context)
    return [exact, judge.rate(name, busbw, "GB/s", warn=warn, block=None, cause=cause, advice=advice)]


def _name(what: str, context: Context) -> str:
    return f"allreduce.{what}.{context.device if context.cpu else 'node'}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
