"""The champion on fresh data against its promotion: what counts as decay, and what cannot be compared."""

from __future__ import annotations

import pytest

from mlops_ci.gates.errors import MetricUnusableError
from mlops_ci.settings.evaluate import EvaluateSettings
from mlops_ci.settings.nightly import NightlySettings
from mlops_ci.settings.settings import Tables
from mlops_ci.settings.train import TrainSettings
from mlops_ci.stages.decay import NotScoreableError, compare


def tables(*, margin=0.0, decay_margin=None, **rule):
    return Tables(
        train=TrainSettings(command="python train.py"),
        evaluate=EvaluateSettings(**{"command": "python evaluate.py", "metric": "accuracy", "margin": margin, **rule}),
        nightly=NightlySettings(decay_margin=decay_margin),
    )


def judged(before, now, **rule):
    return compare(tables(**rule), before={"accuracy": before}, now={"accuracy": now}, version="3")


@pytest.mark.parametrize(
    ("before", "now", "rule", "held"),
    [
        (0.95, 0.95, {}, True),
        (0.95, 0.97, {}, True),
        (0.95, 0.94, {}, False),
        (0.95, 0.94, {"margin": 0.01}, True),
        (0.95, 0.93, {"margin": 0.01}, False),
        # The margin of the nightly comparison is not that of the decay where both are set.
        (0.95, 0.93, {"margin": 0.01, "decay_margin": 0.05}, True),
        (0.95, 0.94, {"margin": 0.05, "decay_margin": 0.0}, False),
        (0.2, 0.3, {"goal": "min"}, False),
        (0.2, 0.1, {"goal": "min"}, True),
        (0.2, 0.21, {"goal": "min", "margin": 0.01}, True),
    ],
)
def test_worse_beyond_the_margin_is_decay(before, now, rule, held):
    found = judged(before, now, **rule)
    assert found.held is held
    assert found.gate.id == "decay.accuracy"
    assert f"{now:g} now, {before:g} at its promotion" in found.gate.why


def test_the_words_name_margin_and_version():
    assert "version 3 is worse by 0.02, beyond the margin of 0.01" in judged(0.95, 0.93, margin=0.01).gate.why
    assert "within the margin of 0.05" in judged(0.95, 0.93, margin=0.05).gate.why
    assert "is not worse" in judged(0.95, 0.96).gate.why


@pytest.mark.parametrize(("before", "now"), [({}, {"accuracy": 0.9}), ({"accuracy": 0.9}, {"loss": 0.1})])
def test_a_metric_that_one_of_them_lacks_is_no_pass(before, now):
    with pytest.raises(MetricUnusableError) as caught:
        compare(tables(), before=before, now=now, version="3")
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("missing", ["command", "metric"])
def test_without_a_rule_nothing_can_be_scored(missing):
    with pytest.raises(NotScoreableError) as caught:
        compare(tables(**{missing: None}), before={}, now={}, version="3")
    assert "[evaluate]" in caught.value.hint
