from __future__ import annotations

import json
import re

import pytest

from mlops_ci.reporting import side_by_side_html
from mlops_ci.reporting.series import Series
from mlops_ci.reporting.side_by_side import Comparison, Difference, Row, Side, differing, tables
from mlops_ci.reporting.side_by_side_html import BUDGET, TooMuchToShowError, as_html, curve_charts
from mlops_ci.reporting.side_by_side_text import as_json, as_markdown
from support.report_run import HOSTILE


def curve(name, count=50):
    return Series(name=name, points=tuple((float(x), 1 / (x + 1)) for x in range(count)), count=count)


def a_side(name, **changes):
    values = {
        "run": name,
        "verdict": "promote",
        "metrics": {"accuracy": 0.9},
        "curves": (curve("train_loss"), curve("val_accuracy")),
        "lineage": {"commit": f"c-{name}", "data sha256": "dd"},
        "params": {"epochs": name, "rate": "0.1"},
        "seconds": {"train": 12.5, "evaluate": 2.0},
        "image_bytes": 1_500_000_000,
        "model_bytes": 44_000_000,
    }
    return Side(name=name, **{**values, **changes})


def comparison(*sides, **changes):
    away = Difference(value=0.0123, interval=(0.001, 0.02))
    row = Row(name="accuracy", values=(0.9,) * len(sides), differences=(None, *[away] * (len(sides) - 1)))
    return Comparison(sides=sides, metrics=(row,), slices=(), **changes)


def test_the_page_has_everything_and_loads_nothing():
    page = as_html(comparison(a_side("one"), a_side("two"), notes=("two: no predictions",)))
    for words in ("0.9 (+0.0123; 0.001 to 0.02)", "c-one", "44.0 MB", "1.5 GB", "14.5 s", "epochs", "no predictions"):
        assert words in page
    assert "rate" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL), "equal on both sides"
    assert page.count("<svg") == 2
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)
    assert "<script" not in page


def test_what_a_name_brings_along_stays_text():
    side = a_side(HOSTILE, params={HOSTILE: HOSTILE}, lineage={HOSTILE: HOSTILE}, verdict=HOSTILE)
    found = comparison(a_side("one"), side, notes=(HOSTILE,))
    page = as_html(found)
    assert "<script" not in page
    assert "javascript:alert(2)" not in re.sub(r">[^<]*<", "><", page)
    assert "<script" not in as_markdown(found)
    assert "[l](" not in as_markdown(found)


def test_a_metric_is_one_chart_with_a_line_for_each_side():
    charts, left_out = curve_charts([a_side("one"), a_side("two"), a_side("three", curves=())], 100)
    assert [(chart.title, [line.name for line in chart.lines]) for chart in charts] == [
        ("train_loss", ["one", "two"]),
        ("val_accuracy", ["one", "two"]),
    ]
    assert left_out == 0


def test_a_legend_tells_runs_of_one_day_apart():
    days = [a_side("20261126-070811-1832e2"), a_side("20261126-072818-b2829c")]
    legends = re.findall(r"<text[^>]*>([^<]*) <tspan", as_html(comparison(*days)))
    assert len(legends) == 4
    assert len(set(legends)) == 2
    assert all(name.startswith("…07") for name in legends)
    charts, _ = curve_charts([a_side("digits@6"), a_side("digits@7")], 100)
    assert [line.name for line in charts[0].lines] == ["digits@6", "digits@7"], "short enough as they are"


def test_a_parameter_is_not_shown_once_more_as_the_digest_of_a_setting():
    digests = [{"train.params.epochs": digest, "train.seed": digest} for digest in ("1a", "2b")]
    one, two = (a_side(name, settings=each) for name, each in zip("ab", digests, strict=True))
    found = {table.title: [name for name, _ in table.rows] for table in tables(comparison(one, two))}
    assert found["Parameters that differ"] == ["epochs"]
    assert found["Other settings that differ"] == ["train.seed"]
    unknown = a_side("b", settings=digests[1], params={})
    found = {table.title: [name for name, _ in table.rows] for table in tables(comparison(one, unknown))}
    assert found["Other settings that differ"] == ["train.params.epochs", "train.seed"]


def test_many_sides_share_charts_of_a_readable_number_of_lines():
    charts, _ = curve_charts([a_side(str(number)) for number in range(8)], 100)
    assert [len(chart.lines) for chart in charts] == [6, 2, 6, 2]


@pytest.mark.parametrize(("sides", "metrics"), [(3, 200), (40, 20)])
def test_the_page_keeps_its_budget_whatever_is_compared(sides, metrics):
    curves = tuple(curve(f"metric {number}", 400) for number in range(metrics))
    params = {f"parameter {number}": "x" * 300 for number in range(100)}
    many = [
        a_side(f"run {number}", curves=curves, params={name: f"{number}{text}" for name, text in params.items()})
        for number in range(sides)
    ]
    page = as_html(comparison(*many))
    assert len(page.encode()) <= BUDGET
    assert "left out" in page or sides == 3


def test_what_no_page_can_hold_is_refused_with_a_way_out(monkeypatch):
    monkeypatch.setattr(side_by_side_html, "BUDGET", 20_000)
    with pytest.raises(TooMuchToShowError) as caught:
        as_html(comparison(*[a_side(f"run {number}", curves=()) for number in range(100)]))
    assert (caught.value.exit_code, "--format json" in caught.value.hint) == (2, True)


def test_json_is_complete_and_markdown_has_the_tables():
    found = comparison(a_side("one"), a_side("two", metrics={"accuracy": float("nan")}))
    document = json.loads(as_json(found))
    assert document["schema"] == "mlops-ci/comparison/1"
    assert document["sides"][0]["params"] == {"epochs": "one", "rate": "0.1"}
    assert "curves" not in document["sides"][0]
    assert document["metrics"][0]["differences"][1] == {"value": 0.0123, "interval": [0.001, 0.02]}
    text = as_markdown(found)
    assert "| accuracy | 0.9 | 0.9 (+0.0123; 0.001 to 0.02) |" in text
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        f"## {table.title}" for table in tables(found)
    ]


def test_only_sides_that_know_anything_differ():
    one, two, three = (a_side("a", params={"x": "1"}), a_side("b", params={"x": "1"}), a_side("c", params={}))
    assert differing([one, two, three], lambda side: side.params) == ()
    two = a_side("b", params={"x": "1", "y": "2"})
    assert differing([one, two, three], lambda side: side.params) == (("y", ("–", "2", "–")),)
