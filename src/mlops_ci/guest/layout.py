"""The names of the files in the job folder, and how the guest starts itself again."""

from __future__ import annotations

import sys
from pathlib import Path

TASK = "task.json"
OUTCOME = "outcome.json"
METRICS = "metrics.jsonl"
SYSTEM = "system.jsonl"
LOG = "log.txt"
STOP = "stop"
HALT = "halt"
RESUMED = "resumed.json"
RANKS = "ranks"
LAUNCH = "launch.json"
SMOKE = "smoke.json"
# The variable in which MLflow looks for the run that it is to go on with.
MLFLOW_RUN = "MLFLOW_RUN_ID"


def root() -> Path:
    """What goes on PYTHONPATH so that `mlops_ci.guest` can be imported: the zipapp, or the source folder."""
    return Path(__file__).resolve().parents[2]


def rank_log(rank: int) -> str:
    """The name of the log of one process, in the folder of all of them."""
    return f"rank-{rank}.log"


def rank_word(rank: int) -> str:
    """The name of the file with one process's last word."""
    return f"rank-{rank}.json"


def guest_argv(*arguments: str) -> list[str]:
    """The command line that starts this very guest, in this very interpreter, with other arguments."""
    place = root()
    if place.is_file():
        return [sys.executable, str(place), *arguments]
    return [sys.executable, "-m", "mlops_ci.guest", *arguments]
