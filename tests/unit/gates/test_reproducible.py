"""A decision can be made again from what is kept of it: the record as JSON, the rule, and the predictions of both."""

import json
import random

from mlops_ci.gates.decide import decide
from mlops_ci.gates.predictions import read_predictions
from mlops_ci.records.codec import from_json, to_json
from mlops_ci.records.evaluate import Champion, EvaluateOutputs
from mlops_ci.settings.evaluate import EvaluateSettings


def kept(path, share, seed):
    """Predictions of a model that is right so often, as its command writes them."""
    chance = random.Random(seed)
    rows = [f"{n},{n % 10},{n % 10 if chance.random() < share else 10},{'ab'[n % 2]}" for n in range(600)]
    path.write_text("\n".join(["id,target,prediction,camera", *rows]) + "\n")
    rows = read_predictions(path)
    return {"accuracy": sum(row.target == row.prediction for row in rows) / len(rows)}


def test_the_record_and_the_kept_predictions_give_the_same_verdict_and_numbers(tmp_path):
    rule = EvaluateSettings(
        metric="accuracy", floor=0.5, margin=0.01, by="interval", slices=("camera",), also={"loss": "min margin 5%"}
    )
    files = [tmp_path / "challenger.csv", tmp_path / "champion.csv"]
    ours, theirs = {**kept(files[0], 0.95, 1), "loss": 0.2}, {**kept(files[1], 0.85, 2), "loss": 0.21}
    champion = Champion(name="digits", version="3", metrics={"accuracy": 0.99}, data_digest="d1")

    def decided(challenger, champion, scored):
        rows = tuple(read_predictions(path) for path in files)
        return decide(
            rule,
            challenger=challenger,
            champion=champion,
            champion_metrics=scored,
            same_data=True,
            predictions=(rows[0], rows[1]),
        )

    first = decided(ours, champion, theirs)
    assert first.verdict == "promote"
    scored = Champion(name="digits", version="3", metrics=theirs, data_digest="d1")
    outputs = EvaluateOutputs(
        verdict=first.verdict, champion=scored, gates=first.gates, metrics=ours, why=first.why, classes=None
    )
    record = from_json(EvaluateOutputs, json.loads(json.dumps(to_json(outputs))))
    assert record.champion is not None
    again = decided(record.metrics, record.champion, record.champion.metrics)
    assert (again.verdict, again.gates, again.why) == (record.verdict, record.gates, record.why)
    assert next(one.id for one in record.gates if one.interval is not None) == "change.accuracy"
