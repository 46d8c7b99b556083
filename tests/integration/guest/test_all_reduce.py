"""The all-reduce: really, by torchrun with gloo; and ranks that hang, crash, fail or sum wrong."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlops_ci.guest.health.active import ranks
from mlops_ci.guest.health.active.collective import judged
from mlops_ci.guest.health.active.context import Context
from support.leftovers import processes

SICK = Path(__file__).parents[2] / "support" / "sick_rank.py"


def test_two_processes_of_torchrun_sum_right(python_with_torch, zipapp, tmp_path):
    worker = ["-m", "mlops_ci.guest.health.active.collective_worker", "cpu"]
    done = subprocess.run(
        [python_with_torch, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", *worker],
        env={**os.environ, "PYTHONPATH": str(zipapp), "OMP_NUM_THREADS": "1"},
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    )
    rows = [json.loads(line[len(ranks.MARK) :]) for line in done.stdout.splitlines() if line.startswith(ranks.MARK)]
    results = [{"rank": rank, **row} for rank, row in enumerate(row for row in rows if "wrong" in row)]
    assert [row["wrong"] for row in results] == [0, 0]
    checks = judged(Context(torch=None, device="cpu", budget=1), results)
    assert [(check.id, check.status) for check in checks] == [
        ("allreduce.exact.cpu", "PASS"),
        ("allreduce.bandwidth.cpu", "PASS"),
    ]
    assert checks[1].value > 0


@pytest.mark.parametrize(
    ("kind", "status", "cause"),
    [
        ("hurried", "SKIP", "rank 1 was still busy at the deadline during: meeting the others"),
        ("hang", "BLOCK", "rank 1 was still busy at the deadline during: meeting the others"),
        ("crash", "BLOCK", "rank 1 crashed with SIGSEGV during: meeting the others"),
        ("error", "BLOCK", "rank 1 ended with exit code 1 during: meeting the others: NCCL error: unhandled"),
        ("wrong", "BLOCK", "wrong sums of integers: 3 on rank 1"),
        ("slow", "SKIP", "rank 1 was still busy at the deadline during: import"),
        ("well", "PASS", ""),
    ],
)
def test_a_rank_that_does_not_do_its_part_is_named(monkeypatch, kind, status, cause):
    hurried = kind == "hurried"
    monkeypatch.setenv("SICK_RANK", "hang" if hurried else kind)
    monkeypatch.setattr(ranks, "GRACE", 0.2)
    began = time.monotonic()
    deadline = 2 if kind in ("hang", "hurried", "slow") else 20
    launch = ranks.Launch([sys.executable, str(SICK)], 2, 1, deadline, usual=5.0 if hurried else 0.0)
    rows = ranks.run_ranks(launch)
    assert time.monotonic() - began < 15
    check = judged(Context(torch=None, device="cpu", budget=1), rows)[0]
    assert check.status == status
    assert cause in check.cause
    assert [one for one in processes() if str(SICK) in one.command] == []
