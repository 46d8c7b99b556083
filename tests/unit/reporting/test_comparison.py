"""The new model beside the champion."""

import json

from mlops_ci.reporting.comparison import metric_rows
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.page import write_page
from support.report_run import make_run


def test_the_deciding_metric_comes_first_with_its_change(tmp_path):
    first, second, third = metric_rows(ReportData.read(make_run(tmp_path)))
    assert (first.name, first.decides, round(first.change, 4)) == ("accuracy", True, 0.0124)
    assert (second.name, second.decides) == ("loss", False)
    assert (third.champion, third.change) == (None, None)


def test_figures_on_other_data_are_shown_but_not_subtracted(tmp_path):
    folder = make_run(tmp_path)
    path = folder / "records" / "evaluate.json"
    record = json.loads(path.read_text())
    record["outputs"]["champion"]["data_digest"] = "0" * 64
    path.write_text(json.dumps(record))
    data = ReportData.read(folder)
    assert [(row.champion, row.change) for row in metric_rows(data)[:1]] == [(0.9018, None)]
    page, summary = write_page(data, tmp_path)
    assert "on other data" in page.read_text()
    assert "on other data" in summary.read_text()


def test_before_the_evaluation_the_logged_values_count(tmp_path):
    rows = metric_rows(ReportData.read(make_run(tmp_path, "failed")))
    assert [row.name for row in rows] == ["train_loss", "lr", "val_loss", "val_accuracy"]
    assert rows[0].broken


def test_nothing_trained_means_no_rows(tmp_path):
    assert metric_rows(ReportData.read(make_run(tmp_path, "built-only"))) == ()
