"""The two examples, as users meet them, on each engine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from support.cli import call, newest_run, records
from support.project import commit

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name", ["digits", "plain"])
def test_an_example(tmp_path, name, engine_settings, scanned):
    project = tmp_path / name
    shutil.copytree(EXAMPLES / name, project, ignore=shutil.ignore_patterns(".mlops", "__pycache__", "outputs"))
    commit(project, "example")
    done = call(project, "run", environment={**engine_settings, **scanned})
    assert done.exit_code == 0, done.said
    found = records(project)
    assert found["scan"]["status"] == "passed"
    assert found["evaluate"]["outputs"]["metrics"]["accuracy"] >= 0.95
    assert found["train"]["outputs"]["seconds"] < 60
    assert found["train"]["outputs"]["tracking"]["points"] >= 1
    page = (newest_run(project) / "report" / "index.html").read_text()
    assert "accuracy" in page
    assert json.loads((newest_run(project) / "run.json").read_text())["engine"] == engine_settings["MLOPS_CI_ENGINE"]
