"""The page at the end of a run."""

import pytest

from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.page import write_page
from mlops_ci.reporting.terminal import page_text
from support.report_outputs import RUN
from support.report_run import AGAIN, VARIANTS, make_run


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_fits_a_terminal_and_the_verdict_comes_first(tmp_path, variant):
    lines = page_text(ReportData.read(make_run(tmp_path, variant))).splitlines()
    assert len(lines) <= 28
    assert max(len(line) for line in lines if not line.startswith("again: ")) <= 100
    assert lines[0].split(":")[0].isupper()
    assert all(line.isprintable() for line in lines)


def test_a_promoted_model(tmp_path):
    text = page_text(ReportData.read(make_run(tmp_path)))
    assert text.startswith("PROMOTED: fashion-classifier version 7 is now the champion\n")
    assert "! CPU run: no figure here says anything about a GPU" in text
    assert "✓ train       4 min 4 s  2 starts, on CPU, peak memory 1.9 GB (attempt 2)" in text
    assert "accuracy           0.9142   champion 0.9018 (+0.0124)" in text
    assert "from commit to model 15 min 19 s" in text
    assert "next:" not in text


def test_a_failure_ends_with_the_next_step(tmp_path):
    lines = page_text(ReportData.read(make_run(tmp_path, "failed"))).splitlines()
    assert lines[0] == "FAILED: train failed (exit 20, user-code)"
    assert any(line.startswith("✗ train") for line in lines)
    assert any(line.startswith("- publish") for line in lines)
    assert lines[-2].startswith("next: a lower learning rate")
    assert lines[-1] == f"again: {AGAIN[-1]}", "a command that is cut is of no use"


def test_a_skipped_scan_has_a_dash_and_a_loud_line(tmp_path):
    lines = page_text(ReportData.read(make_run(tmp_path, "not-scanned"))).splitlines()
    assert any(line.startswith("! NOT SCANNED FOR VULNERABILITIES: ") for line in lines)
    assert any(line.startswith("- scan") for line in lines)


def test_a_waiting_run_says_how_to_approve(tmp_path):
    text = page_text(ReportData.read(make_run(tmp_path, "waiting")))
    assert f"mlops-ci approve {RUN}" in text.splitlines()[-1]
    assert "… promote" in text


def test_where_the_page_lies_is_said_once_it_is_there(tmp_path, monkeypatch):
    folder = make_run(tmp_path)
    data = ReportData.read(folder)
    assert "page:" not in page_text(data)
    write_page(data, folder / "report")
    page = folder / "report" / "index.html"
    assert page_text(data).splitlines()[-1] == f"page: {page.resolve()}"
    monkeypatch.chdir(tmp_path)
    assert page_text(data).splitlines()[-1] == f"page: runs/{RUN}/report/index.html"


def test_many_metrics_are_counted_not_listed(tmp_path):
    folder = make_run(tmp_path)
    path = folder / "records" / "evaluate.json"
    many = ", ".join(f'"metric{number}": {number}' for number in range(50))
    path.write_text(path.read_text().replace('"accuracy": 0.9142', f'"accuracy": 0.9142, {many}'))
    lines = page_text(ReportData.read(folder)).splitlines()
    assert "  and 50 more" in lines
    assert len(lines) <= 28
