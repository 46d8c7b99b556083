"""Charts are valid, small and accessible, whatever the values are."""

import math
import xml.etree.ElementTree as ET

import pytest

from mlops_ci.reporting.charts import Chart, loss_curve, metric_charts, usage_charts
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.series import Series
from mlops_ci.reporting.svg import line_chart
from support.report_run import HOSTILE, make_run

SVG = "{http://www.w3.org/2000/svg}"


def series(name, points):
    return Series(name=name, points=tuple(points), count=len(points))


def draw(*lines, **changes):
    chart = Chart(title="loss", x_label="step", y_label="loss", lines=lines, **changes)
    return ET.fromstring(line_chart(chart, "c1"))


def texts(root):
    return ["".join(one.itertext()) for one in root.iter(f"{SVG}text")]


def coordinates(root):
    for one in root.iter():
        for name in ("d", "cx", "cy", "x", "y"):
            for word in one.get(name, "").replace("M", " ").replace("L", " ").replace("H", " ").split():
                if word.replace(".", "").replace("-", "").isdigit():
                    yield float(word)


SHAPES = {
    "falling": [(x, 1 / (x + 1)) for x in range(2_000)],
    "one point": [(3, 0.5)],
    "constant": [(x, 2.0) for x in range(10)],
    "zeros": [(x, 0.0) for x in range(10)],
    "with a gap": [(0, 1.0), (1, math.nan), (2, 3.0), (3, 4.0)],
    "only gaps": [(0, math.nan), (1, math.inf)],
    "no data": [],
    "huge": [(0, -1.7e308), (1, 1.7e308)],
    "tiny": [(0, 5e-324), (1, 1e-323)],
    "same step": [(7, 1.0)],
    "negative": [(-5, -1.0), (5, -3.0)],
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_is_drawn_inside_the_picture(name):
    root = draw(series(name, SHAPES[name]))
    width, height = map(float, root.get("viewBox").split()[2:])
    assert all(-1 <= value <= max(width, height) for value in coordinates(root))
    assert "nan" not in ET.tostring(root, encoding="unicode").replace("last nan", "").lower()
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").get("id") in root.get("aria-labelledby").split()
    assert name in root.find(f"{SVG}desc").text


def test_no_data_says_so():
    assert "no data" in texts(draw(series("a", [])))
    assert "no data" in texts(draw())


def test_a_single_point_is_a_dot():
    root = draw(series("a", [(3, 0.5)]))
    assert len(root.findall(f"{SVG}circle")) == 1


def test_a_gap_breaks_the_line_and_is_marked_and_counted():
    root = draw(series("a", [(0, 1.0), (1, 2.0), (2, math.nan), (3, 3.0), (4, 4.0)]))
    lines = [one.get("d") for one in root.findall(f"{SVG}path") if one.get("fill") == "none"]
    assert [path.count("M") for path in lines] == [2]
    assert any("1 not finite" in text for text in texts(root))


def test_a_long_line_is_a_few_kilobytes():
    chart = Chart(title="loss", x_label="step", y_label="", lines=(series("a", SHAPES["falling"]),))
    assert len(line_chart(chart, "c1")) < 6_000


def test_names_cannot_become_markup():
    root = draw(series(HOSTILE, [(0, 1.0), (1, 2.0)]))
    assert root.find(f".//{SVG}script") is None
    assert {one.tag.removeprefix(SVG) for one in root.iter()} <= {
        "svg",
        "title",
        "desc",
        "path",
        "text",
        "tspan",
        "circle",
    }


def test_metrics_of_one_kind_share_a_chart_and_losses_come_first(tmp_path):
    charts = metric_charts(ReportData.read(make_run(tmp_path)).metrics)
    assert [(chart.title, [line.name for line in chart.lines]) for chart in charts] == [
        ("loss", ["train_loss", "val_loss"]),
        ("lr", ["lr"]),
        ("accuracy", ["val_accuracy"]),
    ]


def test_very_many_metrics_make_a_limited_number_of_charts():
    points = [(0, 1.0), (1, 2.0)]
    many = [series(f"train/layer{number}", points) for number in range(100)]
    assert len(metric_charts(many)) == 12
    same = [series(f"train/{'x/' * number}loss".replace("x/", "val/"), points) for number in range(20)]
    assert [len(chart.lines) for chart in metric_charts(same)] == [6, 6, 6, 2]


def test_a_metric_with_one_value_has_no_curve():
    assert metric_charts([series("a", [(1, 2.0)])]) == ()
    assert loss_curve([series("a", [(1, 2.0)])]) is None


def test_the_curve_for_a_summary_is_the_loss_with_the_most_values(tmp_path):
    assert loss_curve(ReportData.read(make_run(tmp_path)).metrics).name == "train_loss"


def test_usage_has_gpus_only_where_there_are_some(tmp_path):
    cpu = ReportData.read(make_run(tmp_path / "a")).usage[0]
    gpu = ReportData.read(make_run(tmp_path / "b", "gpu")).usage[0]
    assert [(chart.title, chart.y_label) for chart in usage_charts(cpu)] == [("CPU", "% of a core"), ("memory", "GB")]
    assert [chart.title for chart in usage_charts(gpu)][2:] == ["GPU utilization", "GPU memory"]
    assert {chart.x_label for chart in usage_charts(gpu)} == {"minutes"}
