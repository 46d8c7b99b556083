"""One case: run the pipeline, kill -9 something at a moment, look at what is left, run the same command again."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.images import naming
from mlops_ci.run.run import open_run, run_ids
from mlops_ci.stores.open import open_store
from support.leftovers import Process, containers, of_containers, of_project
from support.project import WITH_TORCH, make_project
from support.state import final_state

GONE_WITHIN = 10.0
TRIES = 4
# No two runs take equally long: one that ends before its moment does not count, and sets the time of the next.
TOO_EARLY = 5
# A target that does not appear for so long (seconds; this part of what is left of the run) may not come again in it.
PATIENCE = 1.0
PATIENCE_PART = 0.3
# The last moment, as a part of the duration.
PART = 0.95
# The user's own commands of the test project, as they stand in the process table.
JOB = re.compile(r"^\S*python\S* (train\.py|evaluate\.py|-m py_compile)")


@dataclass(frozen=True)
class Moment:
    """When (as a part of a run's duration) and what: the command line tool, the guest, or the user's own process."""

    part: float
    target: str


@dataclass(frozen=True)
class Case:
    """Which process died and when (seconds), what was left after ten more, the final state, tries needed."""

    at: float
    killed: str
    left: tuple[str, ...]
    state: dict[str, Any]
    tries: int


def moments(count: int, seed: int) -> list[Moment]:
    """Seeded moments, spread evenly over (nearly all of) a run's duration, each with a seeded target."""
    chance = random.Random(seed)
    width = PART / count
    targets = ["cli", "guest", "job"]
    return [
        Moment(part=width * number + chance.uniform(0, width), target=targets[chance.randrange(3)])
        for number in range(count)
    ]


def start(project: Path, engine: str) -> subprocess.Popen[bytes]:
    """The command under test."""
    log = (project.parent / "chaos.log").open("ab")
    with log:
        return subprocess.Popen(
            [sys.executable, "-m", "mlops_ci", "run", "--engine", engine],
            cwd=project,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "MLOPS_CI_PROVIDER": "local"},
        )


def chaos_project(folder: Path, *, config: str = WITH_TORCH) -> Path:
    """The small project, with a layer of its own to build."""
    config = config.replace("[image]", '[image]\nrequirements = "requirements.txt"')
    return make_project(folder, config=config, files={"requirements.txt": "iniconfig\n"})


def reset(project: Path, engine: str) -> None:
    """Forget all runs, models and objects; keep the caches, but for the layer that every run must build.

    The cache may be shared with others: only what this project's own plans named is removed from it.
    """
    for made in _own_layers(project) if engine == "host" else ():
        shutil.rmtree(made, ignore_errors=True)
    for name in ("runs", "mlflow", "store", "locks"):
        shutil.rmtree(project / ".mlops" / name, ignore_errors=True)
    if engine == "docker":
        layer = ["docker", "images", "--quiet", "mlops-ci/mean/requirements"]
        images = subprocess.run(layer, capture_output=True, text=True, check=True).stdout.split()
        if images:
            subprocess.run(["docker", "rmi", "--force", *images], capture_output=True, check=True)


def _own_layers(project: Path) -> Iterator[Path]:
    """The environments of the project's requirements, as its runs have planned them."""
    for path in (project / ".mlops" / "runs").glob("*/records/plan.json"):
        images = json.loads(path.read_text())["outputs"].get("images", {})
        if "requirements" in images:
            yield naming.environment_folder(images["requirements"]["ref"])


def undisturbed(project: Path, engine: str) -> tuple[dict[str, Any], float]:
    """The final state of a run that nobody disturbed, and the seconds it took."""
    reset(project, engine)
    began = time.monotonic()
    code = start(project, engine).wait()
    seconds = time.monotonic() - began
    if code != 0:
        raise RuntimeError(f"the undisturbed run ended with {code}: see {project.parent / 'chaos.log'}")
    return state_of(project), seconds


def disturbed(project: Path, engine: str, moment: Moment, duration: float) -> Case:
    """Kill at the moment of a run that takes about `duration` seconds, watch what remains, run the same command again
    until it succeeds.
    """
    child, at, killed = _killed(project, engine, moment, duration)
    left: tuple[str, ...] = ()
    if killed.startswith("cli"):
        child.wait()
        left = what_is_left(project)
        tries = 0
        if _finished(project):  # it died after its last record: the same command would rightly start a new run
            return Case(at=at, killed=f"{killed}, at its end", left=left, state=state_of(project), tries=0)
    else:
        tries = 1
        if child.wait() == 0:
            return Case(at=at, killed=killed, left=(), state=state_of(project), tries=tries)
    while tries < TRIES:
        tries += 1
        if start(project, engine).wait() == 0:
            return Case(at=at, killed=killed, left=left, state=state_of(project), tries=tries)
    raise RuntimeError(f"{moment}: no success in {TRIES} tries: see {project.parent / 'chaos.log'}")


def _killed(project: Path, engine: str, moment: Moment, duration: float) -> tuple[subprocess.Popen[bytes], float, str]:
    """A run that something was killed in: its process, when (seconds after its start), and what."""
    for _ in range(TOO_EARLY):
        reset(project, engine)
        began, child = time.monotonic(), start(project, engine)
        _sleep_until(child, began + moment.part * duration)
        patience = min(PATIENCE, PATIENCE_PART * (1 - moment.part) * duration)
        killed = _kill(project, child, moment.target, patience)
        at = time.monotonic() - began
        if killed:
            return child, at, killed
        duration = at
    raise RuntimeError(f"{moment}: {TOO_EARLY} runs ended before it, the last after {duration:.1f} s")


def _finished(project: Path) -> bool:
    runs = project / ".mlops" / "runs"
    known = run_ids(runs)
    return bool(known) and (record := open_run(runs, known[-1]).record("report")) is not None and record.done


def state_of(project: Path) -> dict[str, Any]:
    """The final state of the project's newest run, plus how many runs there are."""
    runs = run_ids(project / ".mlops" / "runs")
    with _database(project) as uri:
        state = final_state(project, runs[-1], open_store(str(project / ".mlops" / "store")), uri)
    return {**state, "runs": len(runs)}


@contextmanager
def _database(project: Path) -> Iterator[str]:
    """What the project's MLflow holds, whose server has ended: a copy, since MLflow keeps open what it once opened."""
    with tempfile.TemporaryDirectory(dir=project.parent) as folder, warnings.catch_warnings():
        # MLflow's own store uses what SQLAlchemy will remove.
        warnings.simplefilter("ignore", DeprecationWarning)
        path = Path(folder) / "mlflow.db"
        source = project / ".mlops" / "mlflow" / path.name
        with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(path)) as copy:
            one.backup(copy)
        yield f"sqlite:///{path}"


def _sleep_until(child: subprocess.Popen[bytes], deadline: float) -> None:
    while time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.01)


def _kill(project: Path, child: subprocess.Popen[bytes], target: str, patience: float) -> str:
    """Kill -9 the target, or the next one that appears within `patience` seconds; else the command line tool.

    Empty when that had ended by itself.
    """
    deadline = time.monotonic() + patience
    while target != "cli" and time.monotonic() < deadline and child.poll() is None:
        one = kill_one(project, target)
        if one is not None:
            return f"{target}: {Path(one.command.split()[0]).name} {' '.join(one.command.split()[1:])[-40:]}"
        time.sleep(0.02)
    if child.poll() is not None:
        return ""
    child.kill()
    return "cli"


def kill_one(project: Path, target: str) -> Process | None:
    """Kill -9 one of the target's processes; None where there is none."""
    for one in alive(project, target):
        try:
            os.kill(one.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        return one
    return None


def alive(project: Path, target: str) -> list[Process]:
    """The guests of this project, or the user's own processes: on this machine and in its containers."""
    around = [*of_project(project), *of_containers(_containers(project))]
    if target == "job":
        return [one for one in around if JOB.search(one.command)]
    return [one for one in around if "guest.pyz run" in one.command]


def what_is_left(project: Path) -> tuple[str, ...]:
    """Processes and containers of the project that are still there ten seconds after the kill."""
    deadline = time.monotonic() + GONE_WITHIN
    while True:
        running = [str(one["Id"])[:12] for one in _containers(project) if one.get("State") == "running"]
        left = [one.command for one in of_project(project)] + running
        if not left or time.monotonic() > deadline:
            return tuple(left)
        time.sleep(0.1)


def _containers(project: Path) -> list[dict[str, Any]]:
    return [one for run in run_ids(project / ".mlops" / "runs") for one in containers(run)]
