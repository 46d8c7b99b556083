"""How a smoke run is judged."""

import json

import pytest

from mlops_ci.settings.smoke import SmokeSettings
from mlops_ci.training.smoke import OptimizerStates, Resumed, Seen, judge, logged, read_seen

GOOD = Seen(
    steps=4,
    losses=(2.0, 1.5, 1.2, 1.0),
    gradients=6,
    optimizers=(OptimizerStates(start=("p0", "m0"), after=(("p1", "m1"), ("p2", "m2"), ("p3", "m3"), ("p4", "m4"))),),
)


def again(start, step=2):
    seen = Seen(steps=1, gradients=6, optimizers=(OptimizerStates(start=start, after=(("x", "y"),)),))
    return Resumed(seen=seen, step=step, had_checkpoint=True)


def judged(seen=GOOD, resumed=None, metric=(), **rule):
    checks = judge(SmokeSettings(**rule), seen, metric, resumed)
    return {one.id: (one.status, one.why) for one in checks}


def test_a_training_that_works_passes_every_check():
    found = judged(resumed=again(("p2", "m2")))
    assert [status for status, _ in found.values()] == ["PASS"] * 3
    assert found["loss"][1] == "the loss fell from 2 to 1 in 4 steps"
    assert "bit for bit, those after step 2" in found["checkpoint"][1]


@pytest.mark.parametrize(
    ("losses", "status", "why"),
    [
        ((1.0, 1.2, 1.5, 2.0), "FAIL", "rose from 1 to 2"),
        ((1.0, 1.0), "FAIL", "did not move"),
        ((1.0, None, 0.5), "FAIL", "not finite at step 2"),
        ((1.0,), "SKIP", "no loss was seen"),
    ],
)
def test_the_loss_must_fall(losses, status, why):
    found = judged(Seen(steps=4, losses=losses, gradients=1, optimizers=GOOD.optimizers))["loss"]
    assert found[0] == status
    assert why in found[1]


@pytest.mark.parametrize(("goal", "status"), [("max", "PASS"), ("min", "FAIL")])
def test_a_metric_may_stand_for_the_loss_and_rise(goal, status):
    assert judge(SmokeSettings(metric="accuracy", goal=goal), GOOD, (0.1, 0.4), None)[0].status == status


def test_a_metric_that_is_asked_for_and_not_logged_is_a_failure_not_a_skip():
    (loss, *_) = judge(SmokeSettings(metric="accuracy"), GOOD, (0.5,), None)
    assert (loss.status, loss.why.split(":")[0]) == ("FAIL", "accuracy")


def test_gradients():
    assert judged(Seen())["gradients"][0] == "SKIP"
    bad = Seen(steps=2, bad_gradients=("step 2: parameter 0 of group 0 (shape [3])",), optimizers=GOOD.optimizers)
    assert "step 2: parameter 0" in judged(bad)["gradients"][1]
    assert judged(bad)["gradients"][0] == "FAIL"
    assert judged(Seen(steps=2, optimizers=GOOD.optimizers))["gradients"][0] == "FAIL"


@pytest.mark.parametrize(
    ("resumed", "status", "why"),
    [
        (None, "SKIP", "no checkpoint was saved"),
        (again(("p3", "m0")), "FAIL", "parameters are those after step 3, and what it remembers"),
        (again(("p0", "m0"), step=None), "FAIL", "began from the beginning"),
        (again(("other", "m2")), "FAIL", "those of no step"),
        (Resumed(seen=Seen(), step=4, had_checkpoint=True), "PASS", "resumed from step 4"),
        (Resumed(seen=Seen(), step=None, had_checkpoint=True), "FAIL", "neither resumed"),
    ],
)
def test_what_is_resumed_must_be_what_was_saved(resumed, status, why):
    found = judged(resumed=resumed)["checkpoint"]
    assert found[0] == status
    assert why in found[1]


def test_of_several_optimisers_each_must_be_there():
    both = (*GOOD.optimizers, OptimizerStates(start=("q0", "n0"), after=(("q1", "n1"),)))
    first = Seen(steps=4, losses=GOOD.losses, gradients=6, optimizers=both)
    second = Seen(optimizers=(again(("p2", "m2")).seen.optimizers[0], OptimizerStates(start=("q0", "n0"), after=())))
    found = judged(first, Resumed(seen=second, step=2, had_checkpoint=True))["checkpoint"]
    assert found[0] == "FAIL"
    assert "optimiser 2" in found[1]


def test_only_what_is_asked_for_is_judged_in_that_order():
    assert list(judged(checks=("gradients", "loss"))) == ["gradients", "loss"]


def test_what_the_guest_wrote_is_read_and_anything_else_is_nothing(tmp_path):
    path = tmp_path / "smoke.json"
    assert read_seen(path) == Seen()
    path.write_text("{}")
    assert read_seen(path) == Seen()
    optimizers = [{"start": ["p", "m"], "after": [["q", "n"]]}]
    path.write_text(
        json.dumps({"steps": 1, "losses": [None, 1], "bad_gradients": [], "gradients": 2, "optimizers": optimizers})
    )
    assert read_seen(path).losses == (None, 1.0)
    assert read_seen(path).optimizers[0].after == (("q", "n"),)


def test_logged_values_of_one_metric(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert logged(path, "loss") == ()
    path.write_text('{"step": 1, "loss": 2}\n{"step": 1, "accuracy": 1}\n{"step": 2, "loss": NaN}\n')
    assert logged(path, "loss") == (2.0, None)
