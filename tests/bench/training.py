"""What the guest, its spool and the forwarder cost a training: the same script under them and bare, in turns."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from mlops_ci.guest import bundle
from mlops_ci.tracking.client import Tracker
from mlops_ci.tracking.forwarder import Forwarder
from support.guest_job import GuestJob
from support.mlflow_restartable import RestartableServer
from support.testbed.ports import free_ports

PAIRS = int(os.environ.get("MLOPS_CI_BENCH_PAIRS", "5"))
# Steps of about a tenth of a second on one core: a minute of training.
STEPS = int(os.environ.get("MLOPS_CI_BENCH_STEPS", "600"))
SCRIPT = f"""
import sys
sys.path[:0] = sys.argv[1:]
from mlops_ci.guest.sdk import log
for step in range({STEPS}):
    total = 0.0
    for number in range(1_200_000):
        total += number * 0.5
    log(step=step, loss=1 / (1 + step), total=total)
    print("step", step, flush=True)
"""


def table(folder: Path) -> str:
    """Five pairs by default; the server is started before, and the forwarder follows the file as train does it."""
    server = RestartableServer(folder, free_ports(1)[0])
    server.start()
    zipapp = bundle.build(folder / "guest" / "mlops-guest.pyz")
    pairs = []
    try:
        for number in range(PAIRS):
            order = [lambda: _bare(folder), lambda n=number: _ours(folder, zipapp, server.uri, n)]
            found = [call() for call in (order if number % 2 == 0 else reversed(order))]
            bare, ours = found if number % 2 == 0 else reversed(found)
            pairs.append((bare, ours))
    finally:
        server.kill()
    rows = "".join(
        f"| {bare[0]:.1f} | {ours[0]:.1f} | {ours[0] / bare[0]:.3f} | {ours[1] / bare[1]:.3f} |\n"
        for bare, ours in pairs
    )
    clock, work = (statistics.median(ours[n] / bare[n] for bare, ours in pairs) for n in (0, 1))
    return (
        "| bare script, s | under guest, spool and forwarder, s | ratio | ratio of processor time |\n"
        f"| --- | --- | --- | --- |\n{rows}| | **median** | **{clock:.3f}** | **{work:.3f}** |"
    )


def _spent() -> tuple[float, float]:
    """By the clock, and of the processor: this process (the forwarder is in it) and all that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic(), time.process_time() + children.ru_utime + children.ru_stime


def _since(before: tuple[float, float]) -> tuple[float, float]:
    now = _spent()
    return now[0] - before[0], now[1] - before[1]


def _bare(folder: Path) -> tuple[float, float]:
    path = folder / "train.py"
    path.write_text(SCRIPT)
    began = _spent()
    subprocess.run([sys.executable, str(path)], check=True, stdout=subprocess.DEVNULL, cwd=folder)
    return _since(began)


def _ours(folder: Path, zipapp: Path, uri: str, number: int) -> tuple[float, float]:
    job = GuestJob(zipapp=zipapp, folder=folder / f"job-{number}", task={"timeout": 3600, "sample_seconds": 1.0})
    job.script(SCRIPT)
    tracker = Tracker(uri)
    tracked = tracker.start_run("bench", run=f"bench-{number}", name=f"bench-{number}", tags={}, params={})
    forwarder = Forwarder(tracker, tracked.run_id, job.folder / "job" / "metrics.jsonl")
    forwarder.start()
    began = _spent()
    code, said = job.run(limit=3600)
    forwarder.stop()
    spent = _since(began)
    if code != 0:
        raise RuntimeError(said[-2000:])
    return spent
