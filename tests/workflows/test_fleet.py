"""The example of a fleet, executed: plan spreads one job over the labels of the list; one node of two is sick."""

from __future__ import annotations

import json
import re
from pathlib import Path

from mlops_ci.orchestrators.fanning import EMPTY
from support import act
from support.forge import BOT
from support.oci_server import OciServer
from support.project import commit, make_project
from support.sick_node import MODEST, PLAIN, of_node, sick_nodes
from support.web_server import Reply, web_server

ENDS = ("plan", "result")
FLEET = act.EXAMPLE.with_name("fleet.yml")


def test_a_fleet_of_which_one_node_is_sick(
    tmp_path: Path, program: Path, bundle: Path, shared_cache: Path, database: OciServer
) -> None:
    project = make_project(tmp_path / "fleet", config=MODEST)
    machine = {"MLOPS_CI_CACHE": str(shared_cache), "MLOPS_CI_MIRRORS__TRIVY_DB": database.trivy_repository, **PLAIN}
    with sick_nodes(tmp_path, lambda place: of_node(place, "gpu-02")):
        done = act.act(
            program,
            act.make_consumer(project, FLEET.read_text().rstrip() + "\n" + nobody()),
            bundle,
            tmp_path / "act",
            event="workflow_dispatch",
            environment=machine,
            variables={"MLOPS_CI_ENGINE": "host", "MLOPS_CI_FLEET": json.dumps(["gpu-01", "gpu-02"])},
        )
    assert done.exit_code != 0
    facts = done.facts("verify", prefix="fleet-")
    good, bad = (facts["nodes"][label] for label in ("gpu-01", "gpu-02"))
    assert (good["result"], good["exit_code"], good["verdict"]) == ("passed", 0, "cpu-only"), done.log[-8000:]
    assert (bad["result"], bad["exit_code"], bad["verdict"]) == ("failed", 11, "unhealthy")
    assert "crashed with SIGSEGV" in bad["reason"]
    told = (facts["result"], facts["exit_code"], facts["worth_a_retry"], facts["jobs"]["train"])
    assert told == ("failed", 11, True, "failed")
    assert facts["reason"].startswith("train failed: gpu-02: "), "and the page is of that node"
    assert facts["jobs"]["build"] == "passed", "once, for both"
    assert "another node may succeed" in done.log
    empty = done.facts("verify", prefix="nobody-")
    assert (empty["result"], empty["exit_code"], empty["reason"]) == ("skipped", 0, EMPTY)
    assert set(empty["jobs"].values()) == {"passed", "left out"}
    assert {path.name for path in done.artifacts.glob("nobody-*")} == {f"nobody-verify-{job}-1" for job in ENDS}
    again(done, project, program, bundle)


def nobody() -> str:
    """The same call, for a list that has become empty: act would run its matrix once, if plan did not leave it out."""
    (call,) = FLEET.read_text().split("jobs:\n")[1:]
    call = call.replace("  fleet:\n", "  nobody:\n").replace("fleet-", "nobody-")
    return re.sub(r"nodes: .*", "nodes: '[]'", call)


def again(failed: act.Acted, consumer: Path, program: Path, bundle: Path) -> None:
    """What the example `retry.yml` then does: another node would do, so the server is asked to start the job again."""
    own = "    with:\n      bundle-repository: ${{ vars.MLOPS_CI_BUNDLE_REPOSITORY }}\n"
    own += "      bundle-ref: ${{ vars.MLOPS_CI_BUNDLE_REF }}\n      artifact-prefix: fleet-\n"
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
