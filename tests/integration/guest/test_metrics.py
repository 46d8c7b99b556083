"""Metrics by print, by SDK and by the file, good and bad."""

import math
from itertools import pairwise

import pytest


def test_three_ways_to_log(job):
    job.task["metrics"] = {
        "loss": r"epoch (?P<epoch>\d+) loss: ([\d.eE+-]+)",
        "accuracy": r"accuracy: (?P<value>[\d.]+)",
    }
    job.script(
        "import json, os\nfrom mlops_ci.guest.sdk import log\n"
        "print('epoch 4 loss: 0.5 accuracy: 0.25')\nprint('accuracy: 0.75')\n"
        "log(step=9, f1=0.1)\nlog(f1=0.2, recall=0.3)\n"
        "with open(os.environ['MLOPS_METRICS_FILE'], 'a') as stream: stream.write(json.dumps({'lr': 1e-3}) + chr(10))\n"
    )
    assert job.run()[0] == 0
    rows = job.lines("metrics.jsonl")
    seen = {
        (name, row.get("step")): value for row in rows for name, value in row.items() if name not in ("time", "step")
    }
    assert seen == {
        ("loss", 4): 0.5, ("accuracy", 1): 0.25, ("accuracy", 2): 0.75,
        ("f1", 9): 0.1, ("f1", 2): 0.2, ("recall", 2): 0.3, ("lr", None): 1e-3,
    }  # fmt: skip
    outcome = job.outcome()
    assert outcome["metrics"] == {"loss": 0.5, "accuracy": 0.75, "f1": 0.2, "recall": 0.3, "lr": 1e-3}
    assert outcome["metric_points"] == 6
    assert outcome["warnings"] == []


@pytest.mark.parametrize(
    "act",
    ["print('loss: nan')", "print('loss: -inf')", "log(loss=float('nan'))", "log(loss=float('inf'))"],
)
def test_a_loss_that_is_no_number_fails_the_training(job, act):
    job.task["metrics"] = {"loss": r"loss: ([\d.eE+-]+)"}
    job.script(f"from mlops_ci.guest.sdk import log\nlog(loss=0.5)\nlog(accuracy=0.9)\n{act}\n")
    code, _ = job.run()
    outcome = job.outcome()
    assert (code, outcome["class"]) == (20, "non-finite")
    assert outcome["cause"] == "the latest value of loss is not a finite number"
    assert outcome["metrics"] == {"loss": 0.5, "accuracy": 0.9}


def test_a_training_that_recovers_is_fine(job):
    job.script("from mlops_ci.guest.sdk import log\nlog(loss=float('nan'))\nlog(loss=0.5)\n")
    assert job.run()[0] == 0


def test_garbage_is_counted_and_told(job):
    garbage = b'not json\n[1]\n{"loss": "high"}\n' + bytes(range(256)) + b"\n"
    lines = b'{"loss": 1, "step": 1}\n' + garbage + b'{"loss": 2, "step": 2}\n{"loss": 3, "st'
    job.script(f"import os\nwith open(os.environ['MLOPS_METRICS_FILE'], 'ab') as stream: stream.write({lines!r})\n")
    assert job.run()[0] == 0
    outcome = job.outcome()
    assert outcome["metrics"] == {"loss": 2.0}
    assert outcome["metric_points"] == 2
    assert len(outcome["warnings"]) == 1
    assert "6 of 8 lines of metrics.jsonl are no metric points" in outcome["warnings"][0]
    assert "line 2, 3, 4, 5, 6, 8" in outcome["warnings"][0]


def test_an_expression_that_is_not_valid(job):
    job.task["metrics"] = {"loss": "loss: (["}
    job.script("print('loss: 1')")
    code, _ = job.run()
    assert (code, job.outcome()["class"]) == (20, "bad-command")
    assert "the expression of metric loss is not valid" in job.outcome()["cause"]


def test_what_is_captured_but_no_number_is_told(job):
    job.task["metrics"] = {"loss": r"loss: (\w+)"}
    job.script("print('loss: high')\nprint('loss: 3')")
    assert job.run()[0] == 0
    assert job.outcome()["metrics"] == {"loss": 3.0}
    assert job.outcome()["warnings"] == ["metric loss: 1 printed values are no numbers"]


def test_gpus_that_were_asked_for_and_not_seen_are_told(job):
    job.task["expect"] = {"gpus": 2}
    job.script("print()")
    assert job.run()[0] == 0
    assert job.outcome()["devices"] == ["cpu"]
    assert job.outcome()["warnings"][0].startswith("2 GPUs were asked for")


def test_eight_processes_log_at_once(job):
    job.script(
        "import os, sys\nfrom mlops_ci.guest.sdk import log\n"
        "for child in range(8):\n    if os.fork() == 0:\n"
        "        for step in range(200): log(step=step, **{f'loss{child}': step / 7})\n        os._exit(0)\n"
        "for child in range(8): os.wait()\n"
    )
    assert job.run()[0] == 0
    assert job.outcome()["metric_points"] == 1600
    assert job.outcome()["warnings"] == []


def test_samples_of_the_job(job):
    job.task["sample_seconds"] = 0.2
    job.script("import time\nhold = bytearray(200_000_000)\nwhile time.process_time() < 1.5: pass\n")
    assert job.run()[0] == 0
    rows = job.lines("system.jsonl")
    assert len(rows) >= 4
    assert set(rows[0]) == {"time", "cpu_percent", "memory_bytes", "gpus"}
    assert rows[0]["cpu_percent"] is None
    spent = sum((now["time"] - then["time"]) * now["cpu_percent"] / 100 for then, now in pairwise(rows))
    assert 0.7 < spent < 1.8
    assert 200_000_000 < max(row["memory_bytes"] for row in rows) < 300_000_000
    usage = job.outcome()["usage"]
    assert 1.4 < usage["cpu_seconds"] < 4
    assert 200_000_000 < usage["peak_memory_bytes"] < 300_000_000
    assert not math.isnan(usage["cpu_seconds"])
