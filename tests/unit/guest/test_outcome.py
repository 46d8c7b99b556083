"""outcome.json: written last, whole, strict JSON."""

import json

from mlops_ci.guest import exits, outcome
from mlops_ci.guest.classify import OK, Verdict


def read(folder):
    return json.loads((folder / "outcome.json").read_text())


def test_the_document(tmp_path):
    assert outcome.finish(tmp_path, outcome.Outcome(run="r", stage="train"), OK) == 0
    document = read(tmp_path)
    assert {
        "schema", "class", "exit_code", "cause", "hint", "commands", "started_at", "finished_at", "seconds", "metrics",
        "metric_points", "resumed_from_step", "checkpoint", "usage", "devices", "model", "warnings", "checks",
        "verdict",
    } <= set(document)  # fmt: skip
    assert document["schema"] == "mlops-ci/outcome/1"
    assert document["started_at"].endswith("Z")


def test_a_new_attempt_begins_clean(tmp_path):
    for name in ("outcome.json", "stop", "resumed.json", "metrics.jsonl"):
        (tmp_path / name).write_text("{}")
    outcome.begin(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".outcome.reserve", "metrics.jsonl"]
    outcome.finish(tmp_path, outcome.Outcome(run="r", stage="s"), OK)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics.jsonl", "outcome.json"]


def test_an_outcome_that_cannot_be_written_still_has_its_code(tmp_path, capfd):
    verdict = Verdict("user-error", exits.USER_CODE, "ValueError", "mend it")
    assert outcome.finish(tmp_path / "absent", outcome.Outcome(run="r", stage="s"), verdict) == 20
    assert "outcome.json could not be written" in capfd.readouterr().err


def test_the_warden_writes_for_a_keeper_that_was_killed(tmp_path):
    assert outcome.crashed(tmp_path, "r", "train", 9) == 143
    assert read(tmp_path)["class"] == "cancelled"
    assert "(signal 9)" in read(tmp_path)["cause"]
