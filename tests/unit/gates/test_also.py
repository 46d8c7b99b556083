"""Further metrics, a minimum effect, and a decision by the interval."""

import random

import pytest

from mlops_ci.gates.also import calibration_error
from mlops_ci.gates.decide import decide
from mlops_ci.gates.errors import MetricUnusableError, PredictionsUnusableError
from mlops_ci.gates.predictions import Row
from mlops_ci.records.evaluate import Champion
from mlops_ci.settings.evaluate import EvaluateSettings
from mlops_ci.settings.rules import AlsoRule, parse


def decided(ours, theirs, predictions=None, **rule):
    settings = EvaluateSettings(metric="accuracy", command="x", **rule)
    champion = None if theirs is None else Champion(name="m", version="7", metrics={}, data_digest=None)
    return decide(
        settings,
        challenger=ours,
        champion=champion,
        champion_metrics=theirs,
        same_data=True,
        predictions=predictions,
    )


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("min", AlsoRule(goal="min")),
        ("max limit 0.8", AlsoRule(goal="max", limit=0.8)),
        ("min limit 20 margin 5%", AlsoRule(goal="min", limit=20.0, margin=0.05, relative=True)),
        ("min margin 1e-3", AlsoRule(goal="min", margin=0.001)),
    ],
)
def test_rules_as_people_write_them(text, rule):
    assert parse(text) == rule


@pytest.mark.parametrize("text", ["", "least", "min limit", "max margin -1", "min 5"])
def test_rules_that_say_nothing(text):
    with pytest.raises(ValueError):
        parse(text)


ALSO = {"loss": "min margin 10%", "latency_ms": "min limit 20 margin 0", "parity": "min limit 1e-5"}
GOOD = {"accuracy": 0.9, "loss": 0.5, "latency_ms": 12.0, "parity": 1e-7}
BEFORE = {**GOOD, "accuracy": 0.89}


@pytest.mark.parametrize(
    ("change", "verdict", "why"),
    [
        ({}, "promote", "better than the champion by 0.01"),
        ({"loss": 0.54}, "promote", "better than the champion by 0.01"),
        ({"loss": 0.56}, "keep", "loss is worse by 0.06, beyond the margin of 0.05"),
        ({"latency_ms": 13.0}, "keep", "latency_ms is worse by 1"),
        ({"latency_ms": 21.0}, "reject", "latency_ms 21 misses the limit 20 (min)"),
        ({"parity": 1e-6}, "promote", "better than the champion by 0.01"),
        ({"parity": 1e-4}, "reject", "parity 0.0001 misses the limit 1e-05 (min)"),
        ({"accuracy": 0.8}, "keep", "worse than the champion by 0.09"),
    ],
)
def test_a_model_that_is_better_in_one_metric_must_hold_the_others(change, verdict, why):
    found = decided({**GOOD, **change}, BEFORE, also=ALSO)
    assert found.verdict == verdict
    assert why in found.why
    ids = [gate.id for gate in found.gates]
    assert ids[:3] == ["finite.accuracy", "floor.latency_ms", "floor.parity"]
    if verdict != "reject":
        # What has a limit only is not held against the champion.
        assert ids[3:] == ["change.accuracy", "change.loss", "change.latency_ms"]


def test_the_first_model_must_hold_the_limits_only():
    assert decided(GOOD, None, also=ALSO).verdict == "promote"
    assert decided({**GOOD, "latency_ms": 30.0}, None, also=ALSO).verdict == "reject"


def test_a_metric_that_the_champion_has_not_is_for_a_human_and_one_that_the_challenger_has_not_is_no_verdict():
    found = decided(GOOD, {"accuracy": 0.89, "loss": 0.5}, also=ALSO)
    assert (found.verdict, "no metric latency_ms" in found.why) == ("review", True)
    with pytest.raises(MetricUnusableError):
        decided({"accuracy": 0.9}, GOOD, also=ALSO)
    with pytest.raises(MetricUnusableError):
        decided({**GOOD, "loss": float("nan")}, GOOD, also=ALSO)


@pytest.mark.parametrize(("value", "verdict"), [(0.9, "keep"), (0.905, "keep"), (0.91, "promote"), (0.95, "promote")])
def test_an_equal_model_does_not_replace_where_a_minimum_effect_is_asked_for(value, verdict):
    assert decided({"accuracy": value}, {"accuracy": 0.9}, min_effect=0.01).verdict == verdict


def rows(right, seed=0):
    noise = random.Random(seed)
    hits = [1] * right + [0] * (1000 - right)
    noise.shuffle(hits)
    return tuple(Row(id=str(i), target="1", prediction=str(hit), columns={}) for i, hit in enumerate(hits))


def test_by_its_interval_a_better_model_must_be_surely_so():
    def judged(right, **rule):
        ours, theirs = rows(right, seed=1), rows(900, seed=2)
        metrics = {"accuracy": right / 1000}, {"accuracy": 0.9}
        return decided(*metrics, predictions=(ours, theirs), **rule)

    assert judged(905).verdict == "promote"
    unsure = judged(905, by="interval")
    assert (unsure.verdict, "not surely so" in unsure.why) == ("keep", True)
    assert judged(905, by="interval", margin=0.05).verdict == "promote"
    assert judged(960, by="interval").verdict == "promote"
    assert judged(960, by="interval", min_effect=0.01).verdict == "promote"
    assert judged(915, by="interval", min_effect=0.01).verdict == "keep"


def test_without_predictions_an_interval_is_no_verdict():
    with pytest.raises(PredictionsUnusableError) as error:
        decided({"accuracy": 0.9}, {"accuracy": 0.8}, by="interval")
    assert error.value.exit_code == 4


def test_calibration_is_read_from_how_sure_the_model_said_it_is():
    def row(sure, right):
        return Row(id="1", target="a", prediction="a" if right else "b", columns={"confidence": sure})

    assert calibration_error(tuple(row("0.75", index < 3) for index in range(4))) == pytest.approx(0.0)
    assert calibration_error(tuple(row("1.0", index < 1) for index in range(4))) == pytest.approx(0.75)
    assert calibration_error((row("high", True),)) is None
    assert calibration_error((row("1.5", True),)) is None
    assert calibration_error((Row(id="1", target="a", prediction="a", columns={}),)) is None
