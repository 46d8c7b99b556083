import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_ci.gates.decide import Decision, decide
from mlops_ci.gates.errors import MetricUnusableError, PredictionsUnusableError
from mlops_ci.gates.predictions import Row
from mlops_ci.records.evaluate import Champion
from mlops_ci.settings.evaluate import EvaluateSettings

numbers = st.floats(min_value=-1e6, max_value=1e6)
margins = st.floats(min_value=0, max_value=1e3)


def champion(**metrics: float) -> Champion:
    return Champion(name="digits", version="3", metrics=metrics, data_digest="d1")


def verdict_of(
    challenger: float,
    incumbent: float | None,
    *,
    goal: str = "max",
    floor: float | None = None,
    margin: float = 0.0,
) -> Decision:
    rule = EvaluateSettings(metric="m", goal=goal, floor=floor, margin=margin)  # type: ignore[arg-type]
    return decide(
        rule,
        challenger={"m": challenger},
        champion=None if incumbent is None else champion(m=incumbent),
        champion_metrics=None,
        same_data=True,
    )


def gate(decision: Decision, name: str):
    return next(one for one in decision.gates if one.id == name)


def test_first_model_is_promoted_when_the_floor_holds():
    decision = verdict_of(0.96, None, floor=0.95)
    assert decision.verdict == "promote"
    assert [(one.id, one.verdict) for one in decision.gates] == [("finite.m", "pass"), ("floor.m", "pass")]
    assert "no champion yet" in decision.why


def test_a_missed_floor_rejects_and_says_the_numbers():
    decision = verdict_of(0.90, 0.80, floor=0.95)
    assert decision.verdict == "reject"
    floor = gate(decision, "floor.m")
    assert (floor.value, floor.limit, floor.verdict) == (0.90, 0.95, "fail")
    assert decision.why == "m 0.9 is below the floor 0.95"


def test_with_goal_min_the_floor_is_a_ceiling():
    assert verdict_of(0.3, None, goal="min", floor=0.2).why == "m 0.3 is above the ceiling 0.2"
    assert verdict_of(0.2, None, goal="min", floor=0.2).verdict == "promote"


@pytest.mark.parametrize(
    ("challenger", "incumbent", "margin", "verdict"),
    [
        (0.97, 0.96, 0.0, "promote"),
        (0.96, 0.96, 0.0, "keep"),  # an equal model does not replace
        (0.1 + 0.2, 0.3, 0.0, "keep"),  # nor one that is better by the rounding of binary fractions alone
        (0.96, 0.96, 0.01, "promote"),  # a margin asks for no more than "not worse"
        (0.95, 0.96, 0.0, "keep"),
        (0.95, 0.96, 0.01, "promote"),
        (0.94, 0.95, 0.01, "promote"),  # 0.95 - 0.94 is 0.010000000000000009 in binary
        (0.939, 0.95, 0.01, "keep"),
        (0.96, 0.95, -0.02, "keep"),  # a negative margin asks for an improvement
        (0.97, 0.95, -0.02, "promote"),
    ],
)
def test_the_margin_decides(challenger, incumbent, margin, verdict):
    assert verdict_of(challenger, incumbent, margin=margin).verdict == verdict


@pytest.mark.parametrize("goal", ["max", "min"])
def test_an_equal_model_is_kept_out_and_told_so(goal):
    decision = verdict_of(0.96, 0.96, goal=goal)
    assert decision.verdict == "keep"
    assert decision.why.startswith("equal to the champion, which stays (`margin` would let such a model replace it)")
    assert decision.why.endswith(": m 0.96 against 0.96 (version 3)")


def test_by_its_interval_an_equal_model_is_kept_out_unless_a_margin_lets_it_in():
    hits = rows([True] * 95 + [False] * 5)
    verdicts = {}
    for margin in (0.0, 0.01):
        rule = EvaluateSettings(metric="accuracy", by="interval", margin=margin)
        metrics = {"accuracy": 0.95}
        found = decide(
            rule,
            challenger=metrics,
            champion=champion(**metrics),
            champion_metrics=None,
            same_data=True,
            predictions=(hits, hits),
        )
        verdicts[margin] = found.verdict
        assert gate(found, "change.accuracy").interval == (0.0, 0.0)
    assert verdicts == {0.0: "keep", 0.01: "promote"}


def test_the_change_gate_says_gain_limit_and_versions():
    decision = verdict_of(0.95, 0.96)
    change = gate(decision, "change.m")
    assert change.verdict == "fail"
    assert change.value == pytest.approx(-0.01)
    assert str(change.limit) == "0.0"
    assert decision.why == "worse than the champion by 0.01: m 0.95 against 0.96 (version 3)"


def test_the_champion_scored_again_counts_before_its_recorded_metrics():
    decision = decide(
        EvaluateSettings(metric="m"),
        challenger={"m": 0.9},
        champion=champion(m=0.99),
        champion_metrics={"m": 0.8},
        same_data=False,
    )
    assert decision.verdict == "promote"


def test_other_data_and_no_second_score_is_for_a_human():
    decision = decide(
        EvaluateSettings(metric="m", floor=0.5),
        challenger={"m": 0.9},
        champion=champion(m=0.99),
        champion_metrics=None,
        same_data=False,
    )
    assert decision.verdict == "review"
    assert gate(decision, "change.m").verdict == "review"
    assert "other data" in decision.why


def test_other_data_does_not_save_a_missed_floor():
    decision = decide(
        EvaluateSettings(metric="m", floor=0.95),
        challenger={"m": 0.9},
        champion=champion(m=0.1),
        champion_metrics=None,
        same_data=False,
    )
    assert decision.verdict == "reject"


def test_without_a_metric_the_first_model_is_promoted_and_a_later_one_reviewed():
    rule = EvaluateSettings()
    first = decide(rule, challenger={}, champion=None, champion_metrics=None, same_data=True)
    later = decide(rule, challenger={}, champion=champion(m=1.0), champion_metrics=None, same_data=True)
    assert (first.verdict, first.gates[0].verdict) == ("promote", "skip")
    assert (later.verdict, later.gates[0].verdict) == ("review", "review")
    assert "no `[evaluate] metric` is set" in later.why


@pytest.mark.parametrize(
    ("metrics", "cause"),
    [
        ({}, "the challenger has no metric `accuracy`: it has none at all"),
        ({"acuracy": 0.9}, "the challenger has no metric `accuracy`; did you mean `acuracy`?"),
        ({"loss": 0.1}, "the challenger has no metric `accuracy`; it has `loss`"),
        ({"accuracy": math.nan}, "the challenger's metric `accuracy` is not finite: nan"),
        ({"accuracy": math.inf}, "the challenger's metric `accuracy` is not finite: inf"),
        ({"accuracy": 10**400}, "the challenger's metric `accuracy` is not finite: inf"),
        ({"accuracy": "0.9"}, "the challenger's metric `accuracy` is not a number: '0.9'"),
        ({"accuracy": True}, "the challenger's metric `accuracy` is not a number: True"),
        ({"accuracy": None}, "the challenger's metric `accuracy` is not a number: None"),
    ],
)
def test_an_unusable_metric_is_no_verdict(metrics, cause):
    with pytest.raises(MetricUnusableError) as caught:
        decide(
            EvaluateSettings(metric="accuracy"),
            challenger=metrics,
            champion=None,
            champion_metrics=None,
            same_data=True,
        )
    assert caught.value.cause == cause
    assert caught.value.exit_code == 4
    assert caught.value.hint


def test_an_unusable_metric_of_the_champion_is_no_verdict_either():
    with pytest.raises(MetricUnusableError, match="the champion's metric `m` is not finite") as caught:
        decide(
            EvaluateSettings(metric="m"),
            challenger={"m": 0.9},
            champion=champion(m=0.99),
            champion_metrics={"m": math.nan},
            same_data=True,
        )
    assert "[evaluate] command" in caught.value.hint


def test_without_a_champion_a_human_decides_where_that_is_asked():
    rule = EvaluateSettings(metric="m", floor=0.5, no_champion="review")
    arguments = {"champion": None, "champion_metrics": None, "same_data": True}
    assert decide(rule, challenger={"m": 0.4}, **arguments).verdict == "reject"
    decision = decide(rule, challenger={"m": 0.9}, **arguments)
    assert (decision.verdict, gate(decision, "champion").verdict) == ("review", "review")
    assert "no champion yet; its floor holds; `no-champion` asks a human" in decision.why
    assert decide(EvaluateSettings(no_champion="review"), challenger={}, **arguments).verdict == "review"


def test_a_champion_that_cannot_be_loaded_is_for_a_human_after_the_floors():
    arguments = {
        "champion": champion(m=0.9),
        "champion_metrics": None,
        "same_data": True,
        "unloadable": "no such layer",
    }
    rule = EvaluateSettings(metric="m", floor=0.5)
    assert decide(rule, challenger={"m": 0.4}, **arguments).verdict == "reject"
    decision = decide(rule, challenger={"m": 0.99}, **arguments)
    assert (decision.verdict, decision.why) == ("review", "no such layer")


def rows(hits: list[bool], **columns: list[str]) -> list[Row]:
    return [
        Row(
            id=str(index),
            target="1",
            prediction="1" if hit else "0",
            columns={name: values[index] for name, values in columns.items()},
        )
        for index, hit in enumerate(hits)
    ]


def test_predictions_give_the_change_gate_its_interval():
    ours, theirs = [True] * 95 + [False] * 5, [False] * 10 + [True] * 90
    decision = decide(
        EvaluateSettings(metric="accuracy"),
        challenger={"accuracy": 0.95},
        champion=champion(accuracy=0.9),
        champion_metrics=None,
        same_data=True,
        predictions=(rows(ours), rows(theirs)),
    )
    change = gate(decision, "change.accuracy")
    assert change.interval is not None
    assert change.interval[0] < 0.05 < change.interval[1]
    assert "of 100 examples only the challenger has 10 right, only the champion 5" in change.why
    assert "95 % interval" in change.why


def test_predictions_of_another_metric_give_no_interval():
    decision = decide(
        EvaluateSettings(metric="f1"),
        challenger={"f1": 0.42},
        champion=champion(f1=0.41),
        champion_metrics=None,
        same_data=True,
        predictions=(rows([True] * 10), rows([True] * 10)),
    )
    change = gate(decision, "change.f1")
    assert change.interval is None
    assert "predictions.csv does not give this metric's values" in change.why


def slice_decision(ours: list[bool], theirs: list[bool], site: list[str], **settings) -> Decision:
    share = len(ours)
    return decide(
        EvaluateSettings(metric="accuracy", slices=("site",), **settings),
        challenger={"accuracy": sum(ours) / share},
        champion=champion(accuracy=sum(theirs) / share),
        champion_metrics=None,
        same_data=True,
        predictions=(rows(ours, site=site), rows(theirs, site=site)),
    )


def test_a_slice_that_is_clearly_worse_asks_for_a_human():
    site = ["a"] * 200 + ["b"] * 60 + ["c"] * 5
    ours = [True] * 200 + [False] * 40 + [True] * 20 + [True] * 5
    theirs = [True] * 120 + [False] * 80 + [True] * 60 + [True] * 5
    decision = slice_decision(ours, theirs, site)
    assert decision.verdict == "review"
    assert gate(decision, "change.accuracy").verdict == "pass"
    assert gate(decision, "slice.site=a.accuracy").verdict == "pass"
    worse = gate(decision, "slice.site=b.accuracy")
    assert worse.verdict == "review"
    assert worse.value == pytest.approx(-40 / 60)
    small = gate(decision, "slice.site=c.accuracy")
    assert (small.verdict, small.value) == ("skip", None)
    assert "fewer than 30" in small.why


def test_slices_that_are_not_clearly_worse_promote():
    site = ["a", "b"] * 100
    decision = slice_decision([True] * 200, [True] * 199 + [False], site)
    assert decision.verdict == "promote"


def test_slices_without_predictions_are_no_verdict():
    with pytest.raises(PredictionsUnusableError, match=r"no predictions\.csv of both models"):
        decide(
            EvaluateSettings(metric="m", slices=("site",)),
            challenger={"m": 0.9},
            champion=champion(m=0.9),
            champion_metrics=None,
            same_data=True,
        )


def test_slices_of_a_metric_that_predictions_do_not_give_are_no_verdict():
    with pytest.raises(PredictionsUnusableError, match="can't be told apart by slices"):
        decide(
            EvaluateSettings(metric="f1", slices=("site",)),
            challenger={"f1": 0.42},
            champion=champion(f1=0.41),
            champion_metrics=None,
            same_data=True,
            predictions=(rows([True]), rows([True])),
        )


def test_an_unknown_slice_column_is_named_with_the_known_ones():
    with pytest.raises(PredictionsUnusableError, match=r"no column `site` .* its columns: `writer`"):
        decide(
            EvaluateSettings(metric="accuracy", slices=("site",)),
            challenger={"accuracy": 1.0},
            champion=champion(accuracy=1.0),
            champion_metrics=None,
            same_data=True,
            predictions=(rows([True], writer=["x"]), rows([True], writer=["x"])),
        )


@given(ours=numbers, theirs=st.none() | numbers, floor=st.none() | numbers, margin=margins)
def test_goal_min_is_goal_max_with_the_sign_turned(ours, theirs, floor, margin):
    straight = verdict_of(ours, theirs, goal="max", floor=floor, margin=margin)
    turned = verdict_of(
        -ours,
        None if theirs is None else -theirs,
        goal="min",
        floor=None if floor is None else -floor,
        margin=margin,
    )
    assert straight.verdict == turned.verdict
    assert [(one.id, one.verdict) for one in straight.gates] == [(one.id, one.verdict) for one in turned.gates]


@given(ours=numbers, theirs=st.none() | numbers, floors=st.tuples(numbers, numbers).map(sorted), margin=margins)
def test_a_higher_floor_never_lets_more_through(ours, theirs, floors, margin):
    lower, higher = floors
    if verdict_of(ours, theirs, floor=lower, margin=margin).verdict == "reject":
        assert verdict_of(ours, theirs, floor=higher, margin=margin).verdict == "reject"


@given(ours=numbers, theirs=numbers, both=st.tuples(margins, margins).map(sorted))
def test_a_wider_margin_never_keeps_more(ours, theirs, both):
    narrow, wide = both
    if verdict_of(ours, theirs, margin=narrow).verdict == "promote":
        assert verdict_of(ours, theirs, margin=wide).verdict == "promote"


@given(ours=numbers, theirs=numbers)
def test_of_two_different_models_at_most_one_replaces_the_other_without_a_margin(ours, theirs):
    there, back = verdict_of(ours, theirs).verdict, verdict_of(theirs, ours).verdict
    if abs(ours - theirs) > 1e-6 * max(abs(ours), abs(theirs)):
        assert {there, back} == {"promote", "keep"}
    else:
        assert "promote" not in {there, back} or there != back


@settings(max_examples=25, deadline=None)
@given(ours=st.lists(st.booleans(), min_size=40, max_size=40), theirs=st.lists(st.booleans(), min_size=40, max_size=40))
def test_predictions_never_change_whether_the_change_gate_passes(ours, theirs):
    arguments = {
        "challenger": {"accuracy": sum(ours) / 40},
        "champion": champion(accuracy=sum(theirs) / 40),
        "champion_metrics": None,
        "same_data": True,
    }
    rule = EvaluateSettings(metric="accuracy")
    bare = decide(rule, **arguments)
    informed = decide(rule, **arguments, predictions=(rows(ours), rows(theirs)))
    assert bare.verdict == informed.verdict
