"""Which page a run of some stages ends with when one of them fails."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mlops_ci.stages import sequence


@pytest.mark.parametrize(
    ("names", "only", "tells"),
    [
        (("promote",), True, False),
        (("promote", "report"), True, True),
        (("promote",), False, True),
    ],
)
def test_who_was_to_report_tells_people_of_a_failure_and_a_job_leaves_that_to_the_last(monkeypatch, names, only, tells):
    """An approval is such an end: no job after it reports."""
    ran = []

    def run_stage(_session, name, code):
        ran.append((name, code))
        status = "failed" if name == "promote" else "passed"
        return SimpleNamespace(stage=name, status=status, exit_code=4 if status == "failed" else 0, error=None)

    monkeypatch.setattr(sequence, "run_stage", run_stage)
    monkeypatch.setattr(sequence, "idle", lambda _run: None)
    settings = SimpleNamespace(tables=SimpleNamespace(smoke=SimpleNamespace(first=False)))
    session = SimpleNamespace(
        run=SimpleNamespace(record=lambda _name: None),
        settings=settings,
        console=SimpleNamespace(say=lambda _text: None),
        warm_tracking=lambda: None,
    )
    assert sequence.run_stages(session, names, only=only) == 4
    assert ran[-2][0] == "promote"
    assert ran[-1] == ("report", sequence.CODE["report"] if tells else sequence.PAGE)
