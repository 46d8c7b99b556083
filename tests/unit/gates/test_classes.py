"""Classes of models and data: when they are known, and what it means when they have changed."""

import pytest

from mlops_ci.gates.classes import of_data, of_model
from mlops_ci.gates.decide import Decision, decide
from mlops_ci.gates.predictions import Row
from mlops_ci.records.evaluate import Champion, Classes
from mlops_ci.settings.evaluate import EvaluateSettings


def rows(*cells: tuple[str, str]) -> list[Row]:
    return [Row(id=str(index), target=one, prediction=guess, columns={}) for index, (one, guess) in enumerate(cells)]


def judged(ours: Classes | None, theirs: Classes | None, value: float = 0.95, **rule) -> Decision:
    return decide(
        EvaluateSettings(metric="accuracy", **rule),
        challenger={"accuracy": value},
        champion=Champion(name="m", version="3", metrics={"accuracy": 0.9}, data_digest=None, classes=theirs),
        champion_metrics=None,
        same_data=True,
        classes=ours,
    )


@pytest.mark.parametrize(
    ("cells", "value", "goal", "expected"),
    [
        ((("cat", "cat"), ("dog", "cat")), None, "max", ("cat", "dog")),
        ((("1", "1"), ("2.0", "1"), ("2", "2")), 2 / 3, "max", ("1", "2")),
        ((("1", "1"), ("2", "1")), 0.5, "min", ("1", "2")),
        # Another metric than accuracy does not tell that numbers are classes; a regression's targets are none.
        ((("1", "1"), ("2", "1")), 0.42, "max", None),
        ((("1.5", "1"), ("2.5", "2")), 0.5, "min", None),
        ((("1", "1"), ("2", "1")), None, "max", None),
    ],
)
def test_classes_of_data_are_its_targets_where_they_are_classes(cells, value, goal, expected):
    assert of_data(rows(*cells), value=value, goal=goal) == expected


def test_more_targets_than_any_classifier_has_classes_are_none():
    assert of_data(rows(*((f"name-{index}", "x") for index in range(25_001))), value=None, goal="max") is None


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"id2label": {"0": "cat", "1": "dog"}, "classes": ["x"]}, ("cat", "dog")),
        ({"classes": [1, 0]}, ("0", "1")),
        ({"labels": ["b", "a"]}, ("a", "b")),
        ({"hidden": 3}, None),
        ({"classes": 3}, ("0", "1", "2")),
        ({"classes": True, "labels": ["x"]}, ("x",)),
        ({"classes": -1}, None),
        ({"classes": []}, None),
    ],
)
def test_a_models_own_classes_stand_in_its_config(config, expected):
    assert of_model(config) == expected


ABC = ("a", "b", "c")


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        (Classes(model=(*ABC, "d"), data=None), Classes(model=ABC, data=None), "the model knows 1 new ('d')"),
        (Classes(model=None, data=("a", "d")), Classes(model=None, data=ABC), "1 new ('d') and 2 fewer ('b', 'c')"),
        (Classes(model=ABC, data=("a",)), Classes(model=ABC, data=ABC), "the evaluation data has 2 fewer ('b', 'c')"),
    ],
)
def test_changed_classes_are_for_a_human_also_where_the_metric_is_worse(ours, theirs, said):
    for value in (0.95, 0.85):
        decision = judged(ours, theirs, value)
        assert decision.verdict == "review"
        assert said in decision.why
        assert "other classes than of champion version 3" in decision.why


def test_where_it_is_allowed_the_metric_decides_as_always():
    changed = Classes(model=("a",), data=None), Classes(model=("b",), data=None)
    assert judged(*changed, 0.95, changed_classes="allow").verdict == "promote"
    assert judged(*changed, 0.85, changed_classes="allow").verdict == "keep"


@pytest.mark.parametrize(
    ("ours", "theirs", "gates"),
    [
        (Classes(model=ABC, data=ABC), Classes(model=ABC, data=ABC), [("classes", "pass")]),
        (None, Classes(model=ABC, data=None), []),
        (Classes(model=ABC, data=None), None, []),
        (Classes(model=ABC, data=None), Classes(model=None, data=ABC), []),
    ],
)
def test_the_same_and_the_unknown_change_nothing(ours, theirs, gates):
    decision = judged(ours, theirs)
    assert decision.verdict == "promote"
    assert [(one.id, one.verdict) for one in decision.gates if one.id == "classes"] == gates
