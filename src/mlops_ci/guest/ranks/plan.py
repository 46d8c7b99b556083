"""The command line of several processes: the launcher of PyTorch around one guardian per process.

The launcher starts nothing again: what is tried again, and from where, the failure class decides. One process never
comes here.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlops_ci.guest import layout
from mlops_ci.guest.files import write_json
from mlops_ci.guest.task import Launch, Task

PYTHON = re.compile(r"^python(?:3(?:\.\d+)?)?$")
SCHEMA = "mlops-ci/ranks/1"


def folder(task: Task) -> Path:
    """Where the processes leave their logs and their last words."""
    return task.paths.job / layout.RANKS


def words(task: Task, launch: Launch) -> Mapping[str, str]:
    """For the templates of `variables.json`."""
    cores = len(os.sched_getaffinity(0))
    return {
        "backend": launch.backend,
        "grace": str(max(1, round(task.grace))),
        "threads": str(max(1, cores // launch.processes)),
        "ranks": str(folder(task)),
    }


def prepare(task: Task, argv: Sequence[str]) -> Path:
    """Write down for the guardians what they start; what an earlier attempt left is gone."""
    place = folder(task)
    place.mkdir(parents=True, exist_ok=True)
    for path in place.iterdir():
        path.unlink()
    path = place / layout.LAUNCH
    write_json(
        path,
        {
            "schema": SCHEMA,
            "argv": list(argv),
            "folder": str(task.paths.work),
            "grace": task.grace,
            "secrets": list(task.secrets),
        },
    )
    return path


def command(launch: Launch, argv: Sequence[str], spec: Path) -> list[str]:
    """The launcher, by the interpreter that the user's command names, else by the guest's own."""
    python = argv[0] if PYTHON.match(Path(argv[0]).name) else sys.executable
    return [
        python,
        "-m",
        "torch.distributed.run",
        f"--nproc-per-node={launch.processes}",
        "--max-restarts=0",
        *_meeting(launch),
        "--no-python",
        *layout.guest_argv("rank", str(spec)),
    ]


def _meeting(launch: Launch) -> list[str]:
    """How the processes find each other: among themselves on one node, else at the address that is given."""
    if launch.nodes == 1:
        return ["--standalone", "--local-addr=127.0.0.1"]
    host, _, port = (launch.rendezvous or "").rpartition(":")
    # Static: the first node stays the first, so that rank 0, its checkpoints and its model stay where they are.
    return [
        f"--nnodes={launch.nodes}",
        f"--node-rank={launch.node}",
        "--rdzv-backend=static",
        f"--master-addr={host}",
        f"--master-port={port}",
    ]
