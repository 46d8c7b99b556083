"""Pipelines that must not end green: each job's end, the exit code of the whole, and what did not run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import act
from support.forge import BOT
from support.project import commit
from support.web_server import Reply, WebServer, web_server

# Shaped like an access key, put together here so that no scanner takes this file for a leak. It opens nothing.
LEAK = f"aws_access_key_id = {'AK' + 'IA'}{'Q3EGRJK7' * 2}\n"
# What a site with servers adds to the example.
SERVERS = """
      settings: ${{ vars.MLOPS_CI_SETTINGS }}
      aws-role: ${{ vars.MLOPS_CI_AWS_ROLE }}
      aws-role-handover: ${{ vars.MLOPS_CI_AWS_ROLE }}
    secrets:
      aws-access-key-id: ${{ secrets.AWS_ACCESS_KEY_ID }}
      aws-secret-access-key: ${{ secrets.AWS_SECRET_ACCESS_KEY }}
      mlflow-token: ${{ secrets.MLFLOW_TRACKING_TOKEN }}
"""
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
    return act.calling(file).rstrip() + (f"\n      settings: {settings}\n" if settings else "\n")


@pytest.fixture
def taken_memory() -> Iterator[int]:
    """Hold so much of the machine's memory that not nine tenths are free; gives how much there is."""
    rows = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total, free = (int(rows[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    held = b"\1" * max(0, free - int(0.8 * total))
    yield total
    del held


def test_a_gate_that_says_no_to_a_run_that_another_file_began(run):
    done = run(act.going_on("build", "scan"), files={"notes.txt": LEAK})
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


def test_a_node_that_is_not_healthy_has_its_own_exit_code_and_another_is_asked_for(
    run, taken_memory, program, bundle, tmp_path
):
    done = run(calling("verify", settings=f"train.memory={taken_memory}"))
    assert done.exit_code != 0
    facts = done.facts("verify")
    assert (facts["exit_code"], facts["worth_a_retry"], facts["node"]) == (11, True, "unhealthy")
    records = done.records()
    assert records["verify"]["error"]["class"] == "unhealthy"
    assert "train" not in records
    again(done, tmp_path / "project", program, bundle)


def again(failed: act.Acted, consumer: Path, program: Path, bundle: Path) -> None:
    """What the example `retry.yml` then does: another node would do, so the server is asked to start the job again."""
    own = "    with:\n      bundle-repository: ${{ vars.MLOPS_CI_BUNDLE_REPOSITORY }}\n"
    own += "      bundle-ref: ${{ vars.MLOPS_CI_BUNDLE_REF }}\n"
    example = act.EXAMPLE.with_name("retry.yml").read_text().replace("    with:\n", own)
    (consumer / ".github" / "workflows" / "retry.yml").write_text(example)
    commit(consumer, "what looks at runs that have ended")
    with web_server(lambda _: Reply(status=201, body=b"{}")) as server:
        done = act.act(
            program,
            consumer,
            bundle,
            failed.folder,
            event="workflow_run",
            payload={"workflow_run": {"id": 4711, "run_attempt": 1, "conclusion": "failure"}},
            environment=act.at_server(server.url, failed.folder),
            secrets={"GITHUB_TOKEN": BOT},
            workflow="retry.yml",
            attempt=2,
        )
    assert done.exit_code == 0, done.log[-6000:]
    (asked,) = server.requests
    assert (asked.method, asked.path) == (
        "POST",
        f"/api/v3/repos/{act.CONSUMER}/actions/runs/4711/rerun-failed-jobs",
    )
    assert asked.headers["authorization"] == f"Bearer {BOT}"
    assert "run 4711, attempt 2 of 3: exit 11" in done.log
    assert BOT not in done.log


@pytest.fixture
def by_store(tmp_path: Path) -> Path:
    """The bundle of a site whose jobs hand a run on through its object store."""
    return act.make_bundle(tmp_path / "bundle" / act.BUNDLE, profile="object-store")


@pytest.fixture
def house() -> Iterator[WebServer]:
    """Where the site's servers are: what comes in is counted."""
    with web_server(lambda _: Reply(status=403)) as server:
        yield server


def test_code_of_a_fork_reaches_neither_own_runner_nor_data_nor_store_nor_secret(run, by_store, house):
    """Where jobs hand on through the store, which a fork's code must not see: it hands on by artifacts."""
    settings = {"publish.store": "s3://house/models", "publish.endpoint": house.url, "tracking.uri": house.url}
    keys = {"AWS_ACCESS_KEY_ID": "key-of-the-house", "AWS_SECRET_ACCESS_KEY": "secret-of-the-house"}
    done = run(
        act.EXAMPLE.read_text().rstrip() + SERVERS,
        bundle=by_store,
        event="pull_request",
        payload=FORK,
        # act hands them to a fork too: only the called file itself can withhold them.
        secrets={**keys, "MLFLOW_TRACKING_TOKEN": "token-of-the-house"},
        variables={
            "MLOPS_CI_SETTINGS": "\n".join(f"{key}={value}" for key, value in settings.items()),
            "MLOPS_CI_RUNNER_GPU": '["self-hosted", "gpu"]',
            "MLOPS_CI_AWS_ROLE": "arn:aws:iam::1:role/of-the-house",
        },
        labels=("ubuntu-latest",),
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

    assert house.requests == [], "nobody asked the store or MLflow"
    assert len(list(done.artifacts.glob("mlops-train-*-1"))) == len(done.jobs), "each job handed on by an artifact"
    texts = [done.log, *(path.read_text(errors="replace") for path in done.artifacts.rglob("*") if path.is_file())]
    assert not any("of-the-house" in text for text in texts)
