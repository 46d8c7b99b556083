"""What a reader of a pull request's run must not overlook: what it does to the settings that guard it."""

from __future__ import annotations

import json

import pytest

from mlops_ci.reporting.comment import comment
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.html import html
from mlops_ci.reporting.markdown import METRICS, summary
from mlops_ci.reporting.notices import GUARDED, NO_BASE, OUTSIDE, SHOWN
from mlops_ci.reporting.terminal import page_text
from support.report_run import make_run

CHANGE = {"key": "scan.fail-on", "before": '["CRITICAL"]', "after": "[]", "where": "mlops.toml:4", "in_force": False}


def data_of(tmp_path, **outputs):
    folder = make_run(tmp_path, "promoted")
    path = folder / "records" / "plan.json"
    record = json.loads(path.read_text())
    record["outputs"] |= outputs
    path.write_text(json.dumps(record))
    data = ReportData.read(folder)
    assert data.problems == ()
    return data


SURFACES = {
    "comment": lambda data: comment(data, {}),
    "summary": summary,
    "page": html,
    "terminal": page_text,
}


@pytest.mark.parametrize("surface", SURFACES)
def test_changes_stand_on_every_surface_with_their_place(tmp_path, surface):
    outside = {**CHANGE, "key": "scan.secrets", "before": "true", "after": "false", "where": "--set scan.secrets"}
    changes = [CHANGE, {**outside, "in_force": True}]
    shown = SURFACES[surface](data_of(tmp_path, base="b" * 40, guarded_changes=changes))
    for part in (GUARDED, OUTSIDE, "scan.fail-on", "scan.secrets"):
        assert part in shown, part
    # The terminal has them above already, where plan prints them.
    for part in ("mlops.toml:4", "--set scan.secrets", "after the merge") if surface != "terminal" else ():
        assert part in shown, part


def test_without_a_change_nothing_is_said(tmp_path):
    shown = summary(data_of(tmp_path, base="b" * 40))
    assert GUARDED not in shown
    assert NO_BASE not in shown


def test_that_the_base_says_nothing_is_said(tmp_path):
    shown = summary(data_of(tmp_path, base="b" * 40, base_notice="the base commit bbb has no mlops.toml"))
    assert f"**{NO_BASE}**: the base commit bbb has no mlops.toml" in shown


def test_many_changes_are_counted(tmp_path):
    changes = [{**CHANGE, "key": f"scan.key-{number}"} for number in range(METRICS + 3)]
    shown = summary(data_of(tmp_path, guarded_changes=changes))
    assert f"<code>scan.key-{METRICS - 1}</code> | " in shown
    assert f"<code>scan.key-{METRICS}</code>" not in shown
    assert "and 3 more in the record of plan." in shown
    assert f"and {METRICS + 3 - SHOWN} more" in shown


def test_a_value_cannot_change_the_page(tmp_path):
    hostile = {**CHANGE, "after": '["<img src=x>\\n### Promoted", "[a](https://evil.example)", "@everyone"]'}
    for surface in ("comment", "summary", "page"):
        shown = SURFACES[surface](data_of(tmp_path / surface, guarded_changes=[hostile]))
        assert "<img src=x>" not in shown
        assert surface == "page" or "](https://evil.example)" not in shown
        assert '\n### Promoted"' not in shown
