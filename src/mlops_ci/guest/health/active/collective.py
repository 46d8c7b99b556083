"""An all-reduce over all GPUs (NCCL), or over two processes on the CPU (gloo): right to the last bit, and how fast.

The processes are started as torchrun starts its own, with a deadline: one that hangs, crashes or sums wrong is named.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any, Optional

from mlops_ci.guest import layout
from mlops_ci.guest.health.active import judge
from mlops_ci.guest.health.active.collective_worker import MARK
from mlops_ci.guest.health.active.context import Context
from mlops_ci.guest.health.active.guard import SICK, guarded_all
from mlops_ci.guest.health.check import BLOCK, PASS, Check

WORKER = "mlops_ci.guest.health.active.collective_worker"
CPU_PROCESSES = 2
GPU_DEADLINE, CPU_DEADLINE = 30.0, 30.0
ERROR_LINES = 3


def run(context: Context) -> list[Check]:
    """`allreduce.exact` and `allreduce.bandwidth` (bus bandwidth as nccl-tests define it)."""
    count = CPU_PROCESSES if context.cpu else context.torch.cuda.device_count()
    deadline = min(context.left(), CPU_DEADLINE if context.cpu else GPU_DEADLINE)
    return guarded_all("allreduce.exact.node", lambda: judged(context, launch(context, count, deadline), count))


def launch(context: Context, count: int, deadline: float, extra: Sequence[str] = ()) -> list[dict[str, Any]]:
    """One row per rank: what it said, or how it ended. Nothing of it is left running."""
    argv = [sys.executable, "-m", WORKER, "cpu" if context.cpu else "cuda", *extra]
    port, started = _free_port(), time.monotonic()
    processes = [
        subprocess.Popen(
            argv,
            env=_environment(rank, count, port),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for rank in range(count)
    ]
    try:
        return [_row(process, rank, started + deadline) for rank, process in enumerate(processes)]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def judged(context: Context, rows: Sequence[dict[str, Any]], count: int) -> list[Check]:
    """The checks over what the ranks said."""
    backend = "gloo" if context.cpu else "NCCL"
    name = "allreduce.exact.node"
    broken = [f"rank {row['rank']} {row['error']}" for row in rows if row.get("error")]
    if broken:
        cause = f"the {backend} all-reduce over {count} processes did not come to its end: {'; '.join(broken)}"
        advice = "Run on another node; look at NVLink, fabric manager, /dev/shm and the network interfaces of this one."
        return [Check(name, BLOCK, cause=cause, advice=advice, node=True)]
    wrong = {row["rank"]: row["wrong"] for row in rows if row["wrong"]}
    if wrong:
        shown = ", ".join(f"{elements} on rank {rank}" for rank, elements in wrong.items())
        cause = f"the {backend} all-reduce of integers gives wrong sums: {shown}"
        return [Check(name, BLOCK, sum(wrong.values()), 0, "wrong elements", cause, SICK, node=True)]
    slowest = min(rows, key=lambda row: float(row["busbw"]))
    nvlink = None if context.cpu else context.table.get("nvlink")
    warn = None if nvlink is None else context.limit("allreduce.warn") * float(nvlink)
    busbw = float(slowest["busbw"])
    cause = f"the {backend} all-reduce over {count} processes has a bus bandwidth of {busbw:.4g} GB/s"
    advice = "Look at NVLink state, fabric manager and NCCL's variables; NCCL_DEBUG=INFO says which way it takes."
    return [
        Check(name, PASS, 0, 0, f"wrong elements in {slowest['elements']:.1e}, {count} processes, {backend}"),
        judge.rate("allreduce.bandwidth.node", busbw, "GB/s", warn=warn, block=None, cause=cause, advice=advice),
    ]


def _row(process: subprocess.Popen[bytes], rank: int, deadline: float) -> dict[str, Any]:
    try:
        out, err = process.communicate(timeout=max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return {"rank": rank, "error": "was still busy at the deadline"}
    row = _said(out)
    if row is not None and process.returncode == 0:
        return {"rank": rank, **row}
    return {"rank": rank, "error": f"{_ending(process.returncode)}{_last(err)}"}


def _said(out: bytes) -> Optional[dict[str, Any]]:
    lines = [line for line in out.decode("utf-8", "replace").splitlines() if line.startswith(MARK)]
    return dict(json.loads(lines[-1][len(MARK) :])) if lines else None


def _ending(code: int) -> str:
    return f"crashed with {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _last(err: bytes) -> str:
    lines = [line.strip() for line in err.decode("utf-8", "replace").splitlines() if line.strip()]
    return f": {lines[-1]}" if lines else ""


def _environment(rank: int, count: int, port: int) -> dict[str, str]:
    paths = [str(layout.root()), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
        # Comparable from one machine to the next: sums within the switch reach more than the links carry.
        "NCCL_NVLS_ENABLE": os.environ.get("NCCL_NVLS_ENABLE", "0"),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
