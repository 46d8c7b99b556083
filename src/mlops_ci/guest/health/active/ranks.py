"""Starts the processes of a collective, sees all to their end or the deadline, and reads what each said."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Any, Union

from mlops_ci.guest import layout
from mlops_ci.guest.health.active.forked import Forked
from mlops_ci.guest.health.schedstat import longest, waits

MARK = "MLOPS-RANK "
TICK = 0.02
GRACE = 2.0
"""So long the others have to end by themselves when one has failed: they wait for it otherwise."""


@dataclass(frozen=True)
class Launch:
    """The same program `count` times, with torchrun's variables; `deadline` in seconds.

    `usual` is what it takes at most: who is late with less than that, waiting for a core not counted, had no time. The
    program is a command line, or a function for forks of this process.
    """

    program: Union[Sequence[str], Callable[[], int]]
    count: int
    port: int
    deadline: float
    usual: float = 0.0


@dataclass
class _Rank:
    number: int
    process: Union[subprocess.Popen[bytes], Forked]
    out: IO[bytes]
    err: IO[bytes]


def run_ranks(launch: Launch) -> list[dict[str, Any]]:
    """One row per rank: what it said, with `error` saying how it ended where it did not come to its end.

    `slow` is true for one that had no time, or had not even begun: this says more about the machine's load than about a
    device.
    """
    with contextlib.ExitStack() as stack:
        ranks = [_start(launch, number, stack) for number in range(launch.count)]
        _wait(ranks, time.monotonic() + launch.deadline)
        return [_row(rank, launch) for rank in ranks]


def _start(launch: Launch, number: int, stack: contextlib.ExitStack) -> _Rank:
    # Files, not pipes: NCCL may be told to print much, and nobody reads while it works.
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115  (the stack closes them)
    stack.enter_context(out)
    stack.enter_context(err)
    variables = _variables(launch, number)
    process: Union[subprocess.Popen[bytes], Forked]
    if callable(launch.program):
        process = Forked(launch.program, variables, out.fileno(), err.fileno())
    else:
        environment = {**os.environ, **variables}
        process = subprocess.Popen(launch.program, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return _Rank(number, process, out, err)


def _wait(ranks: Sequence[_Rank], deadline: float) -> None:
    failed = False
    while True:
        codes, now = [rank.process.poll() for rank in ranks], time.monotonic()
        if None not in codes or now > deadline:
            return
        if not failed and any(codes):
            failed, deadline = True, min(deadline, now + GRACE)
        time.sleep(TICK)


def _row(rank: _Rank, launch: Launch) -> dict[str, Any]:
    said, code = _said(rank.out), rank.process.poll()
    step = said.get("step", "start")
    if code is None:
        error = f"was still busy at the deadline during: {step}"
        worked = launch.deadline - longest(waits(rank.process.pid), {})
        return {"rank": rank.number, "error": error, "slow": step in ("start", "import") or worked < launch.usual}
    if code == 0 and "wrong" in said:
        return {**said, "rank": rank.number}
    ending = f"crashed with {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return {"rank": rank.number, "error": f"{ending} during: {step}{_last(rank.err)}"}


def _said(out: IO[bytes]) -> dict[str, Any]:
    out.seek(0)
    said: dict[str, Any] = {}
    for line in out.read().decode("utf-8", "replace").splitlines():
        if line.startswith(MARK):
            said.update(json.loads(line[len(MARK) :]))
    return said


def _last(err: IO[bytes]) -> str:
    err.seek(0)
    lines = [line.strip() for line in err.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return f": {lines[-1]}" if lines else ""


def _variables(launch: Launch, number: int) -> dict[str, str]:
    paths = [str(layout.root()), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "PYTHONPATH": os.pathsep.join(paths),
        "RANK": str(number),
        "LOCAL_RANK": str(number),
        "WORLD_SIZE": str(launch.count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(launch.port),
        "OMP_NUM_THREADS": "1",
        # Comparable from one machine to the next: sums within the switch reach more than the links carry.
        "NCCL_NVLS_ENABLE": os.environ.get("NCCL_NVLS_ENABLE", "0"),
    }
