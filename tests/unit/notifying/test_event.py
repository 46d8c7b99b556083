"""What is told: clean, short, and the same cause recognised again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlops_ci.notifying.event import Event, Line, topics
from mlops_ci.redaction import Redactor

EVENT = Event(
    kind="failure",
    line=Line(project="digits", config="mlops.toml", mode="nightly", branch="main"),
    title="train failed",
    at="2026-01-02T03:04:05.000Z",
    cause="train user-error loss is nan at step 301 of run 8f3a2b1c9d",
    run="r1",
)


def test_figures_and_digests_make_no_other_cause():
    same = replace(EVENT, cause="train user-error loss is nan at step 17 of run 0011223344", run="r2")
    other = replace(EVENT, cause="train user-error out of memory", run="r2")
    assert EVENT.cause_digest == same.cause_digest != other.cause_digest
    assert len({EVENT.id, same.id, other.id}) == 3


def test_it_is_the_same_event_after_it_was_cleaned():
    redactor = Redactor({"hunter22"})
    dirty = replace(EVENT, title="login hunter22 failed", cause="")
    assert dirty.cleaned(redactor).id == dirty.id


def test_secrets_controls_and_length_are_taken_out():
    redactor = Redactor({"hunter22"})
    dirty = replace(
        EVENT,
        title="a\nb \x1b[31mred\x1b[0m hunter22",
        reason="x" * 5000,
        facts={f"name hunter22 {number}": "v\r\nhunter22" for number in range(30)},
        line=Line(project="hunter22"),
    ).cleaned(redactor)
    assert dirty.title == "a b red ***"
    assert len(dirty.reason) == 500
    assert len(dirty.facts) == 8
    assert "hunter22" not in str(dirty)


@pytest.mark.parametrize("link", ["javascript:alert(1)", "file:///etc/passwd", "x"])
def test_only_addresses_of_pages_become_links(link):
    assert replace(EVENT, link=link).values["link"] == ""


def test_branches_matter_for_failures_and_not_for_the_schedule():
    other = replace(EVENT, line=replace(EVENT.line, branch="feature"))
    assert list(topics(EVENT)) != list(topics(other))
    missed = [replace(one, kind="missed-run") for one in (EVENT, other)]
    assert list(topics(missed[0])) == list(topics(missed[1]))


def test_a_recovery_looks_where_its_troubles_were_written():
    recovery = replace(EVENT, kind="recovery", ends=("failure", "missed-run"))
    assert list(topics(recovery)) == [*topics(EVENT), *topics(replace(EVENT, kind="missed-run"))]


def test_any_project_name_is_a_key():
    for name in ("../..", "a/b", "ä", ""):
        ((_, key),) = topics(replace(EVENT, line=Line(project=name)))
        assert key.count("/") == 2
        assert ".." not in key.split("/")
