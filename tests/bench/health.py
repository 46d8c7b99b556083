"""What the health check costs: processor time, since the wall clock of a busy machine says nothing, and bytes."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from mlops_ci.guest import bundle
from support.guest_job import GuestJob, torch_python
from support.health.cases import load
from support.health.processes import TORCH, driver_folder

ROUNDS = 7


def table(folder: Path) -> str:
    """Medians; ratios are to `python -c pass` of the same rounds."""
    guest = bundle.build(folder / "guest.pyz")
    bare = _median(lambda _: _run([sys.executable, "-c", "pass"]))
    start = _median(lambda _: _run([sys.executable, str(guest), "probe"]))
    static = _median(lambda number: _static(guest, folder / f"static-{number}"))
    rows = [
        ("the guest, bytes", f"{guest.stat().st_size}", "300000"),
        ("start of the guest without torch, ratio to a bare interpreter", f"{start / bare:.1f}", "10"),
        ("static half on one played GPU, beside torch, processor seconds", f"{static:.2f}", "1"),
    ]
    python = torch_python()
    if python is not None:
        whole = _median(lambda number: _cpu_mode(guest, folder / f"cpu-{number}", python), rounds=3)
        rows.append(("all checks in CPU mode, torch included, processor seconds on two cores", f"{whole:.1f}", "20"))
    body = "".join(f"| {what} | {value} | {limit} |\n" for what, value, limit in rows)
    return f"| what | measured | limit |\n| --- | --- | --- |\n{body}"


def _median(measured: Callable[[int], float], rounds: int = ROUNDS) -> float:
    return statistics.median(measured(number) for number in range(rounds))


def _spent() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _run(argv: list[str]) -> float:
    before = _spent()
    subprocess.run(argv, check=False, capture_output=True)
    return _spent() - before


def _static(guest: Path, folder: Path) -> float:
    job = GuestJob(zipapp=guest, folder=folder)
    profile = next(case for case in load() if case.name == "h100-sxm").profile()
    (folder / "work" / "torch.py").write_text(TORCH.format(ones="pass"))
    place = driver_folder(folder / "driver", profile)
    job.task.update(kind="health", expect={"gpus": 1}, health={"level": "static"})
    job.task["environment"] = {"PYTHONPATH": f"{folder / 'work'}:{place}"}
    return _done(job)


def _cpu_mode(guest: Path, folder: Path, python: str) -> float:
    job = GuestJob(zipapp=guest, folder=folder, python=python)
    job.task.update(kind="health", expect={"gpus": 0})
    return _done(job)


def _done(job: GuestJob) -> float:
    before = _spent()
    code, shown = job.run(limit=120)
    if code != 0:
        raise RuntimeError(f"the health check ended with {code}: {shown}")
    return _spent() - before
