"""The example that the docs show, executed: the whole pipeline as jobs that share nothing but what they hand on."""

from __future__ import annotations

import json

from mlops_ci import pipeline


def test_the_whole_pipeline_ends_green_with_all_records(run):
    done = run()
    assert done.exit_code == 0, done.log[-8000:]
    assert done.result == "success"
    assert list(done.jobs) != []
    records = done.records()
    assert set(records) == set(pipeline.NAMES)
    statuses = {name: one["status"] for name, one in records.items()}
    assert statuses == {**dict.fromkeys(pipeline.NAMES, "passed"), "promote": "skipped"}
    assert "no champion memory" in records["promote"]["reason"]
    assert {one["provider"] for one in records.values()} == {"github"}
    assert records["train"]["outputs"]["devices"] == ["cpu"]
    assert records["publish"]["outputs"]["model"] == {"name": "mean", "version": "1"}

    outputs = done.outputs
    assert (outputs["result"], outputs["exit-code"], outputs["trusted"]) == ("passed", "0", "true")
    assert outputs["model-version"] == "1"
    assert outputs["promoted"] == "false"
    facts = json.loads(outputs["result-json"])
    assert facts["run"] == outputs["run-id"] == records["plan"]["run"]
    assert facts["verdict"] == "promote"
    assert json.loads(outputs["images"]) == facts["images"]
    assert (done.artifacts / outputs["report"] / facts["run"] / "report" / "index.html").is_file()
