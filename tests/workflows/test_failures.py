"""Pipelines that must not end green: each job's end, the exit code of the whole, and what did not run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.act import EXAMPLE

# Shaped like an access key, put together here so that no scanner takes this file for a leak. It opens nothing.
LEAK = f"aws_access_key_id = {'AK' + 'IA'}{'Q3EGRJK7' * 2}\n"
FORK = {
    "pull_request": {
        "number": 1,
        "head": {"ref": "change", "sha": "0" * 40, "repo": {"full_name": "stranger/project"}},
        "base": {"ref": "main", "repo": {"full_name": "consumer/project"}},
    },
    "repository": {"full_name": "consumer/project"},
}


def calling(file: str, *, settings: str = "") -> str:
    """The example, calling another file."""
    text = EXAMPLE.read_text().replace("workflows/train.yml@", f"workflows/{file}.yml@")
    return text.rstrip() + (f"\n      settings: {settings}\n" if settings else "\n")


def going_on(first: str, second: str) -> str:
    """The example, calling one file and then another that goes on with the same run."""
    head, body = calling(first).split("  mlops:\n")
    begins = body.replace("name: mlops", "name: begins")
    goes_on = calling(second).split("  mlops:\n")[1].replace("    uses:", "    needs: [begins]\n    uses:")
    run = "      run-id: ${{ needs.begins.outputs.run-id }}\n"
    return f"{head}  begins:\n{begins}  mlops:\n{goes_on}{run}"


@pytest.fixture
def taken_memory() -> Iterator[int]:
    """Hold so much of the machine's memory that not nine tenths are free; gives how much there is."""
    rows = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total, free = (int(rows[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    held = b"\1" * max(0, free - int(0.8 * total))
    yield total
    del held


def test_a_gate_that_says_no_to_a_run_that_another_file_began(run):
    done = run(going_on("build", "scan"), files={"notes.txt": LEAK})
    assert done.exit_code != 0
    facts = done.facts("scan")
    assert (facts["result"], facts["exit_code"], facts["worth_a_retry"]) == ("failed", 1, False)
    assert facts["jobs"] == {"plan": "passed", "build": "passed", "scan": "failed"}
    assert "secret" in facts["reason"]
    assert done.facts("build")["result"] == "passed"
    records = done.records()
    assert records["scan"]["exit_code"] == 1
    assert records["report"]["status"] == "passed"
    assert len({one["run"] for one in records.values()}) == 1
    assert records["check"]["status"] == "passed", "which the file scan alone would not have run"


def test_a_node_that_is_not_healthy_has_its_own_exit_code(run, taken_memory):
    done = run(calling("verify", settings=f"train.memory={taken_memory}"))
    assert done.exit_code != 0
    facts = done.facts("verify")
    assert (facts["exit_code"], facts["worth_a_retry"], facts["node"]) == (11, True, "unhealthy")
    records = done.records()
    assert records["verify"]["error"]["class"] == "unhealthy"
    assert "train" not in records


def test_code_of_a_fork_reaches_neither_gpu_nor_data_nor_secret(run):
    done = run(
        event="pull_request",
        payload=FORK,
        secrets={"MLFLOW_TOKEN": "token-of-the-house"},
    )
    assert done.exit_code == 0, done.log[-6000:]
    assert done.outputs["trusted"] == "false"
    assert set(done.jobs) == {"plan", "build", "scan", "result"}
    assert done.outputs["result"] == "passed"
    records = done.records()
    assert {name for name, one in records.items() if one["status"] == "passed"} == {
        "plan",
        "build",
        "check",
        "scan",
        "report",
    }
    left_out = records["plan"]["outputs"]["left_out"]
    assert set(left_out) == {"prepare", "verify", "train", "evaluate", "publish", "promote"}
    assert all("fork" in reason for reason in left_out.values())
    assert records["train"]["status"] == "skipped"
