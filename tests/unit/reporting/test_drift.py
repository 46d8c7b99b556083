"""A shift of the data is seen by whoever reads the summary or the page, whatever the columns are called."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlops_ci.records.prepare import Drift, DriftTest
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.html import html
from mlops_ci.reporting.markdown import summary
from support.report_run import make_run

HOSTILE = "<script>x</script>|`y`"
TESTS = (
    DriftTest(column=HOSTILE, test="mean", status="shifted", value=0.61, limit=0.25, why="mean 0, now 0.6"),
    DriftTest(column="few", test="psi", status="SKIP", why="12 and 900 values: 100 are needed"),
)
SHIFTED = Drift(verdict="shifted", why="1 of 3 columns have shifted since run r", reference="r", tests=TESTS, passed=9)


@pytest.fixture
def with_drift(tmp_path):
    """The report of a run whose prepare found this."""
    data = ReportData.read(make_run(tmp_path))
    assert data.outputs.prepare is not None

    def make(drift):
        prepare = replace(data.outputs.prepare, drift=drift)
        return replace(data, outputs=replace(data.outputs, prepare=prepare))

    return make


def test_a_shift_is_a_warning_with_the_tests_behind_it(with_drift):
    data = with_drift(SHIFTED)
    written, page = summary(data), html(data)
    assert "> [!WARNING]\n> **the data has shifted**: 1 of 3 columns have shifted since run r" in written
    assert "Data drift: shifted" in written
    for text in ("0.61", "0.25", "12 and 900 values: 100 are needed"):
        assert text in written
        assert text in page
    assert "9 tests found no shift" in page
    for text in (written, page):
        assert "<script>" not in text


def test_data_that_is_the_same_is_no_warning(with_drift):
    data = with_drift(Drift(verdict="same", why="no column has shifted", reference="r", passed=12))
    assert "Data drift: same" in summary(data)
    assert "the data has shifted" not in summary(data)
    assert "12 tests found no shift" in html(data)


def test_a_run_that_was_not_asked_says_nothing_of_drift(with_drift):
    assert "drift" not in summary(with_drift(None)).lower()
    assert "Data drift" not in html(with_drift(None))
