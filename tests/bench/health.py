"""What the health check costs: bytes, processor time, and seconds, which say nothing on a machine that others use."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.guest import bundle
from support.cli import clean_environment
from support.guest_job import GuestJob, torch_python
from support.health.cases import load
from support.health.processes import TORCH, driver_folder

ROUNDS = 7
BUDGET, GRACE = 60.0, 5.0
SLEEP = "time.sleep(600)"
HOLDER = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; {SLEEP}"], start_new_session=True)
{SLEEP}
"""
# Where it hangs: source that torch runs while it is imported, what its first work does, and the driver's own trip. The
# process that `HOLDER` leaves is in a session of its own and keeps the output open.
HANGS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "nvmlInit": ("", "pass", {"at": "nvmlInitWithFlags", "hang": 600}),
    "a question to the driver": ("", "pass", {"at": "nvmlDeviceGetRemappedRows", "hang": 600}),
    "import of torch": (SLEEP, "pass", {}),
    "import of torch, spinning": ("while True: pass", "pass", {}),
    "import of torch, with a process of its own": (HOLDER, "pass", {}),
    "first work of the device": ("", SLEEP, {}),
}


@dataclass(frozen=True)
class Cost:
    """Seconds of the clock, and of processors."""

    seconds: float
    processor: float


def table(folder: Path) -> str:
    """Medians; ratios are to `python -c pass` of the same rounds."""
    guest = bundle.build(folder / "guest.pyz")
    bare = _median(lambda _: _run([sys.executable, "-c", "pass"]))
    start = _median(lambda _: _run([sys.executable, str(guest), "run", str(folder / "no-task.json")]))
    static = _median(lambda number: _static(guest, folder / f"static-{number}"))
    rows = [
        ("the guest, bytes", f"{guest.stat().st_size}", "300000"),
        (
            "start of the guest without torch, processor time, ratio to a bare interpreter",
            f"{start.processor / bare.processor:.1f}",
            "10",
        ),
        ("the same by the clock", f"{start.seconds / bare.seconds:.1f}", "10"),
        ("static half on one played GPU, beside torch, processor seconds", f"{static.processor:.2f}", "1"),
        ("the same by the clock, seconds", f"{static.seconds:.2f}", "1"),
    ]
    python = torch_python()
    if python is not None:
        whole = _median(lambda number: _cpu_mode(guest, folder / f"cpu-{number}", python), rounds=3)
        rows += [
            ("all checks in CPU mode, torch included, processor seconds", f"{whole.processor:.1f}", "20"),
            ("the same by the clock, seconds", f"{whole.seconds:.1f}", "10"),
        ]
    rows += _hangs(guest, folder)
    body = "".join(f"| {what} | {value} | {limit} |\n" for what, value, limit in rows)
    return f"| what | measured | limit |\n| --- | --- | --- |\n{body}"


def _median(measured: Callable[[int], Cost], rounds: int = ROUNDS) -> Cost:
    found = [measured(number) for number in range(rounds)]
    return Cost(
        seconds=statistics.median(one.seconds for one in found),
        processor=statistics.median(one.processor for one in found),
    )


def _cost(action: Callable[[], object]) -> Cost:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    action()
    seconds, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _run(argv: list[str]) -> Cost:
    return _cost(lambda: subprocess.run(argv, check=False, capture_output=True))


def _played(guest: Path, folder: Path, *, before: str = "", ones: str = "pass", trip: dict[str, Any]) -> GuestJob:
    """A node with one GPU whose driver and torch are played."""
    job = GuestJob(zipapp=guest, folder=folder)
    profile = next(case for case in load() if case.name == "h100-sxm").profile()
    text = TORCH.format(ones=ones)
    (folder / "work" / "torch.py").write_text(f"{text}\n{before}" if before else text)
    place = driver_folder(folder / "driver", {**profile, "trip": trip})
    job.task.update(kind="health", expect={"gpus": 1})
    job.task["environment"] = {"PYTHONPATH": f"{folder / 'work'}:{place}"}
    return job


def _static(guest: Path, folder: Path) -> Cost:
    job = _played(guest, folder, trip={})
    job.task["health"] = {"level": "static"}
    return _cost(lambda: _done(job))


def _cpu_mode(guest: Path, folder: Path, python: str) -> Cost:
    job = GuestJob(zipapp=guest, folder=folder, python=python)
    job.task.update(kind="health", expect={"gpus": 0})
    return _cost(lambda: _done(job))


def _done(job: GuestJob) -> None:
    code, shown = job.run(limit=120)
    if code != 0:
        raise RuntimeError(f"the health check ended with {code}: {shown}")


def _hangs(guest: Path, folder: Path) -> list[tuple[str, str, str]]:
    """All of them at once: they wait, and hardly compute."""

    def hung(name: str) -> tuple[str, str, str]:
        before, ones, trip = HANGS[name]
        job = _played(guest, folder / name.replace(" ", "-"), before=before, ones=ones, trip=trip)
        job.task["timeout"] = BUDGET
        started = time.monotonic()
        code, shown = job.run(limit=2 * BUDGET)
        if code != 11:
            raise RuntimeError(f"a hang ended with {code}: {shown}")
        seconds = time.monotonic() - started
        return f"budget {BUDGET:.0f}, hang: {name}, seconds", f"{seconds:.1f}", f"{BUDGET + GRACE:.0f}"

    with ThreadPoolExecutor(len(HANGS) + 1) as pool:
        program = pool.submit(_hanging_program, folder / "program")
        return [*pool.map(hung, HANGS), program.result()]


def _hanging_program(folder: Path) -> tuple[str, str, str]:
    """The whole command, where nvidia-smi and the import of torch hang."""
    folder.mkdir()
    for name, text in (("nvidia-smi", "#!/bin/sh\nexec sleep 600\n"), ("torch.py", f"import time\n{SLEEP}\n")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={folder} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    words = ["health-check", "--budget", f"{BUDGET:.0f}", "--gpus", "1", "--python", str(python)]
    variables = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "XDG_CACHE_HOME": str(folder)}
    environment = {**clean_environment(), **variables, "MLOPS_CI_PROVIDER": "local"}
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "mlops_ci", *words], env=environment, capture_output=True, check=False)
    if b"host.nvidia-smi" not in done.stdout:
        raise RuntimeError(f"nobody noticed that nvidia-smi hangs: {done.stdout!r} {done.stderr!r}")
    seconds = time.monotonic() - started
    return (
        f"budget {BUDGET:.0f}, hang: nvidia-smi, then the import of torch, seconds",
        f"{seconds:.1f}",
        f"{BUDGET + GRACE:.0f}",
    )
