"""The canary beside its night, on summary, page and terminal: what it tried, what came of it."""

from __future__ import annotations

from dataclasses import replace
from html import unescape

import pytest

from mlops_ci.records.canary import CanaryChange, CanaryOutputs
from mlops_ci.records.evaluate import Champion
from mlops_ci.records.record import ErrorInfo
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.html import html
from mlops_ci.reporting.markdown import summary
from mlops_ci.reporting.terminal import page_text
from mlops_ci.reporting.verdict import verdict
from support.report_run import make_run

HOSTILE = "<script>x</script>|`y`"


@pytest.fixture
def night(tmp_path):
    return ReportData.read(make_run(tmp_path, "kept"))


def with_canary(night, *, error=None, **fields):
    (name, value) = next(iter(night.outputs.evaluate.metrics.items()))
    champion = Champion(name="m", version="7", metrics={name: value - 0.5}, data_digest=None)
    values = {
        "overlay": "next",
        "cell": "20260102-040000-abcdef",
        "changed": (CanaryChange(key="image.torch", before='"2.13"', after=HOSTILE),),
        "image": "registry.example/train:c-1234",
        "verdict": "promote",
        "why": HOSTILE,
        "metrics": {name: value + 0.25, HOSTILE: 1.0},
        "night": dict(night.outputs.evaluate.metrics),
        "champion": champion,
        **fields,
    }
    record = replace(
        night.records["evaluate"],
        stage="canary",
        status="failed" if error else "passed",
        exit_code=20 if error else 0,
        seconds=75.0,
        error=error,
    )
    return replace(night, canary=record, outputs=replace(night.outputs, canary=CanaryOutputs(**values))), name


def test_it_is_told_on_every_page_beside_night_and_champion(night):
    data, name = with_canary(night)
    written, page, shown = summary(data), html(data), page_text(data)
    for text in (written, page, shown):
        assert "[mode.next] promote" in unescape(text)
        assert "+0.25" in unescape(text)
    for text in (written, page):
        assert "<script>" not in text
    for text in (written, page):
        assert "registry.example/train:c-1234" in text
        assert "20260102-040000-abcdef" in text
        assert name in text
        assert "version 7" in text
    assert "never published" in page


def test_its_failure_names_stage_and_class_and_is_not_the_nights(night):
    error = ErrorInfo(class_="user-code", cause="the command ended with exit code 1", hint="see its log")
    data, _ = with_canary(night, error=error, stage="train", metrics={}, verdict=None)
    assert verdict(data) == verdict(night)
    for text in (summary(data), html(data), page_text(data)):
        assert "failed in train (user-code, exit 20): the command ended with exit code 1" in unescape(text)
    assert "see its log" in html(data)


def test_a_night_without_one_says_nothing_of_it(night):
    for text in (summary(night), html(night), page_text(night)):
        assert "anary" not in text
