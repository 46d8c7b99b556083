"""An example as a repository of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from support.cli import call, newest_run, records
from support.project import commit

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_digits_as_a_repository(tmp_path, scanned):
    project = tmp_path / "digits"
    shutil.copytree(EXAMPLES / "digits", project, ignore=shutil.ignore_patterns(".mlops", "__pycache__", "outputs"))
    commit(project, "example")
    done = call(project, "run", environment={"MLOPS_CI_ENGINE": "host", **scanned})
    assert done.exit_code == 0, done.said
    found = records(project)
    assert found["scan"]["status"] == "passed"
    assert found["evaluate"]["outputs"]["metrics"]["accuracy"] >= 0.95
    assert found["train"]["outputs"]["seconds"] < 60
    assert found["train"]["outputs"]["tracking"]["points"] >= 1
    page = (newest_run(project) / "report" / "index.html").read_text()
    assert "accuracy" in page
    assert json.loads((newest_run(project) / "run.json").read_text())["engine"] == "host"
