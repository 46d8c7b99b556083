"""A sweep in a whole run: cut off in the middle, gone on with, a hopeless trial ended early, the best one judged."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys

from support.cli import call, clean_environment, newest_run, records
from support.guest_job import until
from support.leftovers import of_project
from support.project import CONFIG, make_project

SWEEP = """
[sweep]
values = {rate = [0.2, 0.3, "bad", 0.01, 0.4]}
parallel = 2
metric = "loss"
goal = "min"
stop = "median"
stop-after = 2
stop-trials = 2

[smoke]
first = true
params = {seconds = 0.1}
"""


def test_a_sweep_goes_on_where_it_was_cut_off_and_its_best_trial_is_evaluated(tmp_path, scanned):
    shared = tmp_path / "shared"
    config = CONFIG.replace("seconds = 3.0", "seconds = 2.0").replace(
        "gpus = 0\n", f'gpus = 0\ncheckpoint-store = "{shared}"\n'
    )
    project = make_project(tmp_path / "project", config=config + SWEEP)
    settings = {"MLOPS_CI_ENGINE": "host", **scanned}
    argv = [sys.executable, "-m", "mlops_ci", "run", "evaluate"]
    cut = subprocess.Popen(
        argv, cwd=project, env=clean_environment(settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    checkpoint = "*/train/trials/1/checkpoints/latest.json"
    try:
        until(lambda: cut.poll() is not None or any((project / ".mlops" / "runs").glob(checkpoint)), 300)
        os.kill(cut.pid, signal.SIGTERM)
        assert cut.wait(60) == 143
    finally:
        cut.kill()
        cut.wait()
    assert of_project(project) == []

    # As on another machine: the checkpoint is in the store only.
    assert list(shared.glob("checkpoints/*/trial-1/*.ckpt.json"))
    shutil.rmtree(newest_run(project) / "train/trials/1/checkpoints")
    done = call(project, "run", "evaluate", environment=settings)
    assert done.exit_code == 0, done.said
    found = records(project)
    planned = "grid, 5 trials over rate, 2 at a time, the best by loss (min); a trial ends early"
    assert found["plan"]["outputs"]["sweep"].startswith(planned)
    # Before the first trial a smoke run had shown that it can work; it was not repeated.
    checks = {one["id"]: one["status"] for one in found["smoke"]["outputs"]["checks"]}
    assert checks == {"loss": "PASS", "gradients": "SKIP", "checkpoint": "PASS"}
    assert (found["smoke"]["attempt"], found["smoke"]["outputs"]["resumed_from"]) == (1, 6)
    sweep = found["train"]["outputs"]["sweep"]
    trials = {one["number"]: one for one in sweep["trials"]}
    assert {number: one["status"] for number, one in trials.items()} == {
        1: "finished", 2: "finished", 3: "failed", 4: "stopped", 5: "finished",
    }  # fmt: skip
    assert sweep["best"] == 5
    assert sweep["params"]["rate"] == 0.4
    assert trials[3]["class"] == "bad-data"
    assert "worse than the median" in trials[4]["why"]

    # The first trial resumed by itself: its log tells of two starts, its metrics of each step once.
    run = newest_run(project)
    steps = [json.loads(line)["step"] for line in (run / "train/trials/1/job/metrics.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert "trial 1: took the checkpoint of step" in done.stderr
    assert "trial 1: resuming from the checkpoint of step" in done.stderr
    # Only what goes on is kept, where a single training leaves it; and it was what was scored.
    assert not any((run / "train" / "trials").glob("*/model"))
    assert (run / "train" / "model" / "model.safetensors").is_file()
    assert found["evaluate"]["outputs"]["metrics"]["closeness"] > 0.999
    page = (run / "report" / "index.html").read_text() if (run / "report").is_dir() else ""
    assert not page or "Sweep" in page

    with sqlite3.connect(project / ".mlops" / "mlflow" / "mlflow.db") as database:
        nested = database.execute("SELECT count(*) FROM tags WHERE key = 'mlflow.parentRunId'").fetchone()
        statuses = [row[0] for row in database.execute("SELECT status FROM runs ORDER BY status")]
    assert nested == (5,)
    assert statuses == ["FAILED", "FINISHED", "FINISHED", "FINISHED", "FINISHED", "FINISHED", "KILLED"]
