from __future__ import annotations

import pytest

from mlops_ci.gates.predictions import Row
from mlops_ci.reporting.side_by_side import Side
from mlops_ci.stages.comparison import compare
from mlops_ci.stages.side import Known


def rows(count, wrong, *, target="1", reverse=False):
    """The first `wrong` predictions are wrong; examples fall into two parts and have a number of their own."""
    found = [
        Row(
            id=str(n),
            target=target,
            prediction="0" if n < wrong else target,
            columns={"part": "ab"[n % 2], "number": str(n)},
        )
        for n in range(count)
    ]
    return tuple(reversed(found) if reverse else found)


def side(name, *, metrics, predictions=None, slices=(), **more):
    return Known(side=Side(name=name, run=name, metrics=metrics, **more), predictions=predictions, slices=slices)


def test_differences_are_from_the_first_with_intervals_where_predictions_were_kept():
    found = compare(
        [
            side("a", metrics={"accuracy": 0.8, "loss": 0.5}, predictions=rows(100, 20)),
            side("b", metrics={"accuracy": 0.9, "loss": 0.4}, predictions=rows(100, 10, reverse=True)),
            side("c", metrics={"accuracy": 0.7}),
        ]
    )
    accuracy, loss = found.metrics
    assert accuracy.differences[0] is None
    assert accuracy.differences[1].value == pytest.approx(0.1)
    low, high = accuracy.differences[1].interval
    assert 0 < low < 0.1 < high
    assert (accuracy.differences[2].value, accuracy.differences[2].interval) == (pytest.approx(-0.1), None)
    assert (loss.differences[1].interval, loss.values[2], loss.differences[2]) == (None, None, None)


def test_of_a_metric_that_is_better_when_lower_the_interval_is_that_of_the_difference():
    found = compare(
        [
            side("a", metrics={"error": 0.2}, predictions=rows(100, 20)),
            side("b", metrics={"error": 0.1}, predictions=rows(100, 10)),
        ]
    )
    low, high = found.metrics[0].differences[1].interval
    assert low < -0.1 < high < 0


def test_slices_by_columns_with_few_values():
    found = compare(
        [
            side("a", metrics={"accuracy": 0.8}, predictions=rows(100, 20)),
            side("b", metrics={"accuracy": 0.9}, predictions=rows(100, 10)),
            side("c", metrics={"accuracy": 0.9}),
        ]
    )
    assert [(one.name, one.rows) for one in found.slices] == [
        ("accuracy where part is a", 50),
        ("accuracy where part is b", 50),
    ]
    assert found.slices[0].values == (pytest.approx(0.8), pytest.approx(0.9), None)
    assert found.slices[0].differences[1].value == pytest.approx(0.1)


def test_slices_that_the_runs_own_gates_named_come_instead():
    found = compare(
        [
            side("a", metrics={"accuracy": 0.5}, predictions=rows(4, 2)),
            side("b", metrics={"accuracy": 0.75}, predictions=rows(4, 1), slices=("number", "gone")),
        ]
    )
    assert [one.name for one in found.slices] == [f"accuracy where number is {n}" for n in range(4)]
    assert found.slices[1].differences[1].interval is None, "one example says nothing"


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (rows(99, 10), "b and a were scored on different examples: 99 and 100 rows"),
        (rows(100, 10, target="2"), "b and a were scored against different targets"),
    ],
)
def test_predictions_that_do_not_fit_are_said_and_not_compared(other, words):
    found = compare(
        [
            side("a", metrics={"accuracy": 0.8}, predictions=rows(100, 20)),
            side("b", metrics={"accuracy": 0.9}, predictions=other),
        ]
    )
    assert found.metrics[0].differences[1].interval is None
    assert found.slices == ()
    assert any(words in note for note in found.notes)


def test_other_data_is_said():
    one, other = ({"data sha256": "ab"}, {"data sha256": "cd"})
    found = compare([side("a", metrics={"x": 1.0}, lineage=one), side("b", metrics={"x": 2.0}, lineage=other)])
    assert found.notes == ("b and a were scored on different data: a difference says little",)


def test_one_alone_and_none_with_metrics():
    found = compare([side("a", metrics={})])
    assert (found.metrics, found.slices, found.notes) == ((), (), ())
