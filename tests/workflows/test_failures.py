"""Pipelines that must not end green: each job's end, the exit code of the whole, and what did not run."""

from __future__ import annotations

import json

from support.act import EXAMPLE, FLEET
from support.sick_node import has_label, sick_nodes

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


def calling(file: str) -> str:
    """The example, calling another file."""
    return EXAMPLE.read_text().replace("workflows/train.yml@", f"workflows/{file}.yml@").rstrip() + "\n"


def going_on(first: str, second: str) -> str:
    """The example, calling one file and then another that goes on with the same run."""
    head, body = calling(first).split("  mlops:\n")
    begins = body.replace("name: mlops", "name: begins")
    goes_on = calling(second).split("  mlops:\n")[1].replace("    uses:", "    needs: [begins]\n    uses:")
    run = "      run-id: ${{ needs.begins.outputs.run-id }}\n"
    return f"{head}  begins:\n{begins}  mlops:\n{goes_on}{run}"


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


def test_a_fleet_of_which_one_node_is_sick(run, tmp_path):
    fleet = {"MLOPS_CI_FLEET": json.dumps(["gpu-01", "gpu-02"])}
    with sick_nodes(tmp_path, lambda place: has_label(place) == "gpu-02"):
        done = run(FLEET.read_text(), event="workflow_dispatch", variables=fleet)
    assert done.exit_code != 0
    good, bad = (done.facts("verify", prefix=f"fleet-{label}-") for label in ("gpu-01", "gpu-02"))
    assert (good["result"], good["exit_code"], good["node"]) == ("passed", 0, "cpu-only")
    assert (bad["result"], bad["exit_code"], bad["worth_a_retry"], bad["node"]) == ("failed", 11, True, "unhealthy")
    assert bad["run"] != good["run"]
    assert "crashed with SIGSEGV" in bad["reason"]
    assert {facts["jobs"]["train"] for facts in (good, bad)} == {"passed", "failed"}
    assert "another node may succeed" in done.log


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
