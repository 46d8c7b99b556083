"""Kills within the stages that make, judge and hand on a model: cases go on from the same verified node."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos.harness import TRIES, kill_one, what_is_left
from chaos.servers import Servers
from mlops_ci.run.run import open_run, run_ids
from support.project import CONFIG, make_project

STAGES = ("train", "evaluate", "publish", "promote")
BEFORE = "verify"
# What can die where: only train and evaluate start a process in the image.
TARGETS = {
    "train": ("cli", "guest", "job"),
    "evaluate": ("cli", "guest", "job"),
    "publish": ("cli",),
    "promote": ("cli",),
}
LONGEST = 120.0
# What is written beside the result and says how often it was tried, or when.
INCIDENTAL = frozenset({"logs", "report", "records", "running.json"})


@dataclass(frozen=True)
class Kill:
    """`part` of the stage's usual duration after its beginning, the target is killed with SIGKILL."""

    number: int
    stage: str
    target: str
    part: float


@dataclass(frozen=True)
class Outcome:
    """What became of a case; `left` are processes ten seconds after the end, `differs` what is not as undisturbed."""

    kill: Kill
    killed: str
    tries: int
    left: tuple[str, ...]
    differs: dict[str, Any]

    @property
    def good(self) -> bool:
        """Nothing left, nothing lost, nothing doubled."""
        return not self.left and not self.differs


def kills(count: int, seed: int) -> list[Kill]:
    """Seeded: equally many in each stage, at a moment and of a process that chance chooses."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        stage = STAGES[number % len(STAGES)]
        found.append(Kill(number=number + 1, stage=stage, target=chance.choice(TARGETS[stage]), part=chance.random()))
    return found


class Bench:
    """A project whose run has come as far as verify, and the state in which it ends when nobody disturbs it.

    A case goes on from there, or from the last of the stages `from_` that comes not after its own.
    """

    def __init__(
        self,
        folder: Path,
        servers: Servers,
        *,
        engine: str = "host",
        seconds: float = 3.0,
        from_: Sequence[str] = STAGES[:1],
    ) -> None:
        config = CONFIG.replace("seconds = 3.0", f"seconds = {seconds}")
        self._project = make_project(folder / "project", config=config)
        self._kept = {stage: folder / "kept" / stage for stage in from_}
        self._servers = servers
        self._engine = engine
        self._log = folder / "chaos.log"
        self._must(self._start(BEFORE))
        for stage in STAGES:
            if stage in self._kept:
                self._keep(self._kept[stage])
            if set(STAGES[STAGES.index(stage) + 1 :]) & set(from_):
                self._must(self._start(stage))
        self._must(self._start())
        self.expected = self._state()
        records = open_run(*self._run()).records()
        self.seconds = {stage: records[stage].seconds for stage in STAGES}

    def case(self, kill: Kill) -> Outcome:
        """Go on, kill, look what is left, and give the same command again until it succeeds."""
        self._reset(kill.stage)
        child = self._start()
        killed = self._kill(child, kill)
        code = child.wait()
        tool = killed.startswith("cli")
        left = what_is_left(self._project) if tool else ()
        tries = 1
        # A tool that died after its last record has done its work; a run that failed has a report too.
        while code != 0 and tries < TRIES and not (tool and self._done()):
            tries += 1
            code = self._start().wait()
        state = self._state()
        return Outcome(
            kill=kill,
            killed=killed,
            tries=tries,
            left=left,
            differs={key: value for key, value in state.items() if value != self.expected[key]},
        )

    def _kill(self, child: subprocess.Popen[bytes], kill: Kill) -> str:
        """What died; the whole tool where the target was not there within the stage's time."""
        limit = time.monotonic() + LONGEST
        while self._running() != kill.stage:
            if child.poll() is not None or time.monotonic() > limit:
                return "nothing: the stage never began"
            time.sleep(0.002)
        time.sleep(kill.part * self.seconds[kill.stage])
        deadline = time.monotonic() + self.seconds[kill.stage] / 3
        while kill.target != "cli" and time.monotonic() < deadline and self._running() == kill.stage:
            if kill_one(self._project, kill.target) is not None:
                return f"{kill.target} in {kill.stage}"
            time.sleep(0.01)
        if child.poll() is not None:
            return "nothing: it had ended"
        within = self._running() or "between two stages"
        child.kill()
        return f"cli in {within}"

    def _keep(self, kept: Path) -> None:
        kept.mkdir(parents=True)
        shutil.copytree(self._project / ".mlops", kept / "project", symlinks=True)
        self._servers.keep(kept / "servers")

    def _reset(self, stage: str) -> None:
        begun = [one for one in STAGES[: STAGES.index(stage) + 1] if one in self._kept]
        kept = self._kept[begun[-1]]
        self._servers.restore(kept / "servers")
        shutil.rmtree(self._project / ".mlops")
        shutil.copytree(kept / "project", self._project / ".mlops", symlinks=True)

    def _start(self, *stages: str) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "mlops_ci", "run", *stages, "--engine", self._engine],
                cwd=self._project,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "MLOPS_CI_PROVIDER": "local", **self._servers.settings},
            )

    def _must(self, child: subprocess.Popen[bytes]) -> None:
        if child.wait() != 0:
            raise RuntimeError(f"an undisturbed run failed:\n{self._log.read_text()[-3000:]}")

    def _run(self) -> tuple[Path, str]:
        runs = self._project / ".mlops" / "runs"
        return runs, run_ids(runs)[-1]

    def _running(self) -> str | None:
        try:
            folder, run = self._run()
            return str(json.loads((folder / run / "running.json").read_text())["stage"])
        except (OSError, ValueError, KeyError):
            return None

    def _done(self) -> bool:
        record = open_run(*self._run()).record("report")
        return record is not None and record.done

    def _state(self) -> dict[str, Any]:
        folder, run = self._run()
        return {
            **self._servers.state(self._project, run),
            "runs here": len(run_ids(folder)),
            "files": sorted(_files(folder / run)),
        }


def _files(run: Path) -> list[str]:
    """The names of what a run keeps, but for what tells of its attempts."""
    found = (path.relative_to(run) for path in run.rglob("*") if path.is_file())
    return [path.as_posix() for path in found if path.parts[0] not in INCIDENTAL]
