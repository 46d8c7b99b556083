"""A `[prepare]` command in whole stages: it runs once for the same inputs, and what it made is the run's data."""

from __future__ import annotations

import json
from pathlib import Path

from support.cli import Called, call, newest_run, records
from support.project import CONFIG, commit, make_project
from support.small_python import small_python

DOUBLES = """
import os, sys
numbers = open(os.path.join(os.environ["MLOPS_DATA_DIR"], "numbers.txt")).read().split()
print("doubling", numbers, flush=True)
if "13" in numbers:
    open(os.path.join(os.environ["MLOPS_OUTPUT_DIR"], "numbers.txt"), "w").write("half of it")
    sys.exit(1)
with open(os.path.join(os.environ["MLOPS_OUTPUT_DIR"], "numbers.txt"), "w") as file:
    file.write(" ".join(str(2 * float(one)) for one in numbers))
"""


def test_it_runs_once_for_the_same_inputs_and_its_result_is_the_data(tmp_path: Path):
    config = CONFIG.replace("[train]", '[prepare]\ncommand = "python double.py"\n\n[train]')
    project = make_project(tmp_path / "project", config=config, files={"double.py": DOUBLES})
    settings = {
        "MLOPS_CI_ENGINE": "inside",
        "MLOPS_CI_CACHE": str(tmp_path / "cache"),
        **small_python(tmp_path / "python"),
    }

    def prepared(*more: str) -> Called:
        return call(project, "run", "plan", "build", "prepare", "--only", *more, environment=settings)

    def outputs() -> dict:
        return records(project)["prepare"]["outputs"]

    first = prepared()
    assert first.exit_code == 0, first.said
    assert "doubling" in (newest_run(project) / "logs" / "prepare.log").read_text()
    made = outputs()
    assert (made["cached"], made["files"]) == (False, 1)
    assert made["data_digest"] != made["source_digest"]
    assert Path(made["data"], "numbers.txt").read_text() == "2.0 4.0 6.0 8.0 10.0 12.0"

    # Another run, by other settings of another stage.
    run = newest_run(project)
    again = prepared("--set", "evaluate.floor=0.5")
    assert again.exit_code == 0, again.said
    assert newest_run(project) != run
    assert outputs() == {**made, "cached": True}
    assert not (newest_run(project) / "logs" / "prepare.log").exists(), "nothing was started"

    # Other data is another result, and what fails half-way is none.
    (project / "data" / "numbers.txt").write_text("13 1")
    commit(project, "other data")
    failed = prepared()
    assert failed.exit_code == 20, failed.said
    assert "exit code 1" in records(project)["prepare"]["error"]["cause"]
    assert len(list((tmp_path / "cache" / "prepare").glob("*/complete.json"))) == 1
    assert json.loads(next((tmp_path / "cache" / "prepare").glob("*/complete.json")).read_text())["run"] == run.name
