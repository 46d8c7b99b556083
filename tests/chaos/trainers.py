"""The examples of Lightning's and Transformers' Trainer, executed: ended in the middle, they go on where they were."""

from __future__ import annotations

import os
import shutil
import signal
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.guest import bundle
from support.guest_job import GuestJob, until
from support.testbed import commands, torch_environment
from support.testbed.state import State

ROOT = Path(__file__).parents[2]
NAMES = ("lightning", "transformers")
STAMP = "trainers.stamp"
# How it is ended: class and exit code that must come of it.
ENDS = {signal.SIGKILL: ("killed", 20), signal.SIGTERM: ("preempted", 12)}
LIMIT = 300


@dataclass(frozen=True, kw_only=True)
class Case:
    """What came of one example, ended once by a signal in the middle, and once by itself."""

    name: str
    ended: str
    class_: str
    exit_code: int
    resumed_from: int | None
    last_step: int
    metric: float
    good: bool
    same_bits: bool

    @property
    def row(self) -> str:
        """A line of the table."""
        return (
            f"| {self.name} | {self.ended} | `{self.class_}` | {self.exit_code} | {self.resumed_from} | "
            f"{self.last_step} | {self.metric:.3f} | {'yes' if self.same_bits else 'no'} |"
        )


HEAD = (
    "| example | ended by | class | exit code | resumed from step | last step | metric | same bits as undisturbed |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)


def environment() -> str:
    """A Python with PyTorch for CPUs and both trainers, made once."""
    state = State(ROOT / ".nox" / "trainers")
    python, stamp = torch_environment.python(state), state.root / STAMP
    wanted = [ROOT / "examples" / name / "requirements.txt" for name in NAMES]
    content = "".join(path.read_text() for path in (torch_environment.LOCK, *wanted))
    if not stamp.exists() or stamp.read_text() != content:
        pip = torch_environment.install(state)
        # Whatever else they want, PyTorch stays the one for CPUs.
        commands.run([*pip, "--constraint", str(_torch_as_it_is(state)), *_requirements(wanted)])
        stamp.write_text(content)
    return str(python)


def cases(folder: Path, python: str) -> Iterator[Case]:
    """Each example undisturbed, killed, and asked to end."""
    zipapp = bundle.build(folder / "guest.pyz")
    for name in NAMES:
        undisturbed = _job(zipapp, folder / name / "undisturbed", python, name)
        code, shown = undisturbed.run(limit=LIMIT)
        if code != 0:
            raise RuntimeError(f"{name} failed undisturbed ({code}):\n{shown[-2000:]}")
        for number in ENDS:
            yield _case(zipapp, folder, python, name, number, undisturbed)


def _case(zipapp: Path, folder: Path, python: str, name: str, number: signal.Signals, undisturbed: GuestJob) -> Case:
    job = _job(zipapp, folder / name / number.name, python, name)
    process = job.start()
    until((job.folder / "checkpoints" / "latest.json").exists, LIMIT)
    if number is signal.SIGKILL:
        (trainer,) = (one.pid for one in job.running() if "train.py" in one.command)
        os.kill(trainer, number)
    else:
        process.send_signal(number)
    process.wait(LIMIT)
    ended = job.outcome()
    job.end()
    again, _ = job.run(limit=LIMIT)
    outcome, rule = job.outcome(), _settings(name)["evaluate"]
    metric = float(outcome["metrics"].get(rule["metric"], 0.0))
    reached = (ended.get("checkpoint") or {}).get("step")
    last = max(row["step"] for row in job.lines("metrics.jsonl"))
    same_end = last == max(row["step"] for row in undisturbed.lines("metrics.jsonl"))
    right = (ended["class"], ended["exit_code"]) == ENDS[number] and again == 0 and metric >= rule["floor"]
    return Case(
        name=name,
        ended=number.name,
        class_=ended["class"],
        exit_code=ended["exit_code"],
        resumed_from=outcome.get("resumed_from_step"),
        last_step=last,
        metric=metric,
        good=right and same_end and reached is not None and outcome.get("resumed_from_step") == reached,
        same_bits=_weights(job) == _weights(undisturbed),
    )


def _job(zipapp: Path, folder: Path, python: str, name: str) -> GuestJob:
    job = GuestJob(zipapp, folder, python=python)
    shutil.copytree(ROOT / "examples" / name, job.folder / "work", dirs_exist_ok=True)
    train = _settings(name)["train"]
    job.task.update(
        commands=[{"name": "train", "command": train["command"]}],
        params=train["params"],
        model={"allow_pickle": []},
        timeout=LIMIT,
        grace=30,
    )
    return job


def _settings(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / "examples" / name / "mlops.toml").read_text())


def _weights(job: GuestJob) -> str:
    return {one["path"]: one["sha256"] for one in job.outcome()["model"]["files"]}["model.safetensors"]


def _torch_as_it_is(state: State) -> Path:
    path = state.root / "torch.constraint"
    version = commands.run([str(torch_environment.python(state)), "-c", "import torch; print(torch.__version__)"])
    path.write_text(f"torch=={version.strip()}\n")
    return path


def _requirements(paths: list[Path]) -> list[str]:
    return [word for path in paths for word in ("--requirement", str(path))]
