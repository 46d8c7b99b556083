"""The table of faults is whole, and what the docs say of it was seen."""

from __future__ import annotations

from collections import Counter

from chaos.fault_table import BEGINNINGS, WHO, faults, seen
from chaos.kills import STAGES, TARGETS, kills
from support.fault_proxy import Handler


def test_every_fault_says_what_is_played_and_was_played():
    known = faults()
    assert len(known) >= 40
    assert len({one.name for one in known}) == len(known)
    for one in known:
        assert one.begin in BEGINNINGS
        assert one.rules or one.script or one.settings, one.name
        assert all(hasattr(Handler, rule["action"]) for rule in one.rules), one.name
        assert WHO.get(one.exit_code, one.retry) == one.retry, one.name


def test_what_came_of_each_fault_is_what_must_come_of_it():
    got = seen()
    assert {one.name: got.get(one.name) for one in faults()} == {one.name: one.expected for one in faults()}


def test_kills_are_seeded_and_equally_many_in_each_stage():
    assert kills(200, 1) == kills(200, 1) != kills(200, 2)
    assert Counter(one.stage for one in kills(200, 1)) == dict.fromkeys(STAGES, 50)
    assert all(one.target in TARGETS[one.stage] and 0 <= one.part < 1 for one in kills(200, 1))
