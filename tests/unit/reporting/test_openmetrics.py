"""The run's numbers as GitLab compares them in a merge request."""

from __future__ import annotations

import re

from mlops_ci.records.evaluate import EvaluateOutputs
from mlops_ci.reporting.data import Outputs, ReportData
from mlops_ci.reporting.openmetrics import openmetrics
from support.report_outputs import info
from support.report_run import make_run

LINE = re.compile(r'[a-z_]+(\{[a-z]+="(?:[^"\\]|\\.)*"\})? -?[0-9.e+-]+')


def test_every_line_is_a_sample(tmp_path):
    text = openmetrics(ReportData.read(make_run(tmp_path)))
    *lines, end = text.splitlines()
    assert end == "# EOF"
    assert all(LINE.fullmatch(line) for line in lines)
    assert len({line.rpartition(" ")[0] for line in lines}) == len(lines)
    assert any(line.startswith('mlops_ci_metric{name="accuracy"} 0.') for line in lines)
    assert any(line.startswith('mlops_ci_findings{severity="') for line in lines)


def test_before_evaluation_the_trainings_own_metrics_stand_there(tmp_path):
    folder = make_run(tmp_path)
    (folder / "records" / "evaluate.json").unlink()
    text = openmetrics(ReportData.read(folder))
    assert "mlops_ci_training_metric" in text
    assert "mlops_ci_metric" not in text


def test_names_are_escaped_and_what_is_no_number_is_left_out(tmp_path):
    metrics = {'a"b\\c\nd': 1.0, "diverged": float("nan"), "large": float("inf")}
    evaluate = EvaluateOutputs(verdict="keep", champion=None, gates=(), metrics=metrics, why="")
    data = ReportData(folder=tmp_path, info=info(), records={}, outputs=Outputs(evaluate=evaluate))
    assert openmetrics(data) == 'mlops_ci_metric{name="a\\"b\\\\c d"} 1.0\n# EOF\n'
