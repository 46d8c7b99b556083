"""A smoke run by its own command, then the run that it belongs to; and the scores that are made by the tool itself."""

from __future__ import annotations

import uuid
from pathlib import Path

from support.cli import call, newest_run, records
from support.project import CONFIG, EVALUATE, make_project
from support.small_python import small_python

PREDICTS = """
with open(os.path.join(os.environ["MLOPS_OUTPUT_DIR"], "predictions.csv"), "w") as file:
    file.write("id,target,prediction,confidence\\n1,a,a,0.9\\n2,b,b,0.9\\n3,a,b,0.4\\n4,b,a,0.4\\n")
"""
ALSO = """
[evaluate.also]
model_bytes = "min limit 1000"
evaluate_seconds = "min limit 60"
ece = "min limit 0.5"
"""


def test_a_smoke_run_is_gone_on_with_and_size_time_and_calibration_are_gates(tmp_path: Path, mlflow_server: str):
    config = CONFIG.replace("seconds = 3.0", "seconds = 0.1") + ALSO
    project = make_project(tmp_path / "project", config=config, files={"evaluate.py": EVALUATE + PREDICTS})
    settings = {
        "MLOPS_CI_ENGINE": "inside",
        **small_python(tmp_path / "python"),
        "MLOPS_CI_TRACKING__URI": mlflow_server,
        "MLOPS_CI_PROJECT__NAME": f"smoke-{uuid.uuid4().hex[:8]}",
        "MLOPS_CI_VERIFY__LEVEL": "static",
        "MLOPS_CI_CHECK__COMMANDS": "[]",
    }
    smoke = call(project, "train", "--smoke", environment=settings)
    assert smoke.exit_code == 0, smoke.said
    found = records(project)
    assert {one["id"]: one["status"] for one in found["smoke"]["outputs"]["checks"]} == {
        "loss": "PASS",
        "gradients": "SKIP",
        "checkpoint": "PASS",
    }
    assert "train" not in found
    run = newest_run(project)
    assert "smoke" in (run / "report" / "index.html").read_text()

    done = call(project, "run", "evaluate", environment=settings)
    assert done.exit_code == 0, done.said
    found = records(project)
    assert newest_run(project) == run, "the run of the smoke run goes on"
    assert found["verify"]["attempt"] == 1
    train, evaluate = found["train"]["outputs"], found["evaluate"]["outputs"]
    assert [(one["class"], one["resumed_from"]) for one in train["attempts"]] == [("ok", None)], "from the beginning"
    gates = {one["id"]: one["verdict"] for one in evaluate["gates"]}
    assert gates == dict.fromkeys(
        ("finite.closeness", "floor.closeness", "floor.model_bytes", "floor.evaluate_seconds", "floor.ece"), "pass"
    )
    metrics = evaluate["metrics"]
    assert metrics["model_bytes"] == sum(one["bytes"] for one in train["model"])
    assert 0 < metrics["evaluate_seconds"] < 60
    # Right with 0.9, wrong with 0.4: half of them are off by 0.1, and half by 0.4.
    assert abs(metrics["ece"] - 0.25) < 1e-9
