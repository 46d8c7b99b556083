"""The example of a fleet, executed: a pipeline per label of the list, with one sick node among two."""

from __future__ import annotations

import json
from pathlib import Path

from support import act
from support.oci_server import OciServer
from support.project import make_project
from support.sick_node import MODEST, PLAIN, label_of, sick_nodes

FLEET = act.EXAMPLE.with_name("fleet.yml")


def test_a_fleet_of_which_one_node_is_sick(
    tmp_path: Path, program: Path, bundle: Path, shared_cache: Path, database: OciServer
) -> None:
    project = make_project(tmp_path / "fleet", config=MODEST)
    machine = {"MLOPS_CI_CACHE": str(shared_cache), "MLOPS_CI_MIRRORS__TRIVY_DB": database.trivy_repository, **PLAIN}
    with sick_nodes(tmp_path, lambda place: label_of(place) == "gpu-02"):
        done = act.act(
            program,
            act.make_consumer(project, FLEET.read_text()),
            bundle,
            tmp_path / "act",
            event="workflow_dispatch",
            environment=machine,
            variables={"MLOPS_CI_ENGINE": "host", "MLOPS_CI_FLEET": json.dumps(["gpu-01", "gpu-02"])},
        )
    assert done.exit_code != 0
    good, bad = (done.facts("verify", prefix=f"fleet-{label}-") for label in ("gpu-01", "gpu-02"))
    assert (good["result"], good["exit_code"], good["node"]) == ("passed", 0, "cpu-only"), done.log[-8000:]
    assert (bad["result"], bad["exit_code"], bad["worth_a_retry"], bad["node"]) == ("failed", 11, True, "unhealthy")
    assert bad["run"] != good["run"]
    assert "crashed with SIGSEGV" in bad["reason"]
    assert (good["jobs"]["train"], bad["jobs"]["train"]) == ("passed", "failed")
    assert "another node may succeed" in done.log
