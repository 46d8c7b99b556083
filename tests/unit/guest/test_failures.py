"""The table of failure classes as data, and how often it is right about logs that a person has labelled."""

import json
import pkgutil

import pytest

from mlops_ci.guest import failures
from mlops_ci.guest.failures import OTHER, POLICIES, RULES
from support.failure_corpus import FOLDER, UNSEEN, confusions, judged, measured

# What was measured on logs that no rule was made for; better is welcome, then these numbers rise.
UNSEEN_RIGHT = 39
NEVER_TAKEN_FOR_A_PASS = "ok"


@pytest.fixture(scope="module")
def known():
    return judged(FOLDER)


@pytest.fixture(scope="module")
def unseen():
    return judged(UNSEEN)


def test_the_corpus_is_large_and_has_every_class_that_a_log_can_tell(known):
    assert len(known) >= 120
    from_the_log = {rule.name for rule in RULES if rule.when.log or rule.when.traceback or rule.when.end}
    assert from_the_log <= {row.expected for row in known}
    assert len({row.place for row in known}) == len(known)


def test_the_rules_are_right_about_the_logs_that_they_were_made_with(known):
    assert confusions(known) == {}
    assert all(precision == recall == 1.0 for _, precision, recall in measured(known).values())


def test_the_rules_are_as_right_as_measured_about_logs_that_they_have_not_seen(unseen):
    assert sum(row.expected == row.got for row in unseen) >= UNSEEN_RIGHT
    for name, (_, precision, _) in measured(unseen).items():
        assert precision >= (0.5 if name == "user-error" else 1.0), name


def test_what_the_rules_do_not_know_is_taken_for_an_error_of_the_code_which_is_never_tried_again(unseen):
    assert {got for _, got in confusions(unseen)} == {"user-error"}
    assert POLICIES["user-error"].tries == 0


def test_a_failure_is_never_called_well(known, unseen):
    taken = [row for row in (*known, *unseen) if NEVER_TAKEN_FOR_A_PASS in (row.got, row.expected)]
    assert all(row.got == row.expected for row in taken)


def test_what_another_node_would_not_help_is_not_sent_there(known, unseen):
    sent = [row for row in (*known, *unseen) if row.got != "ok" and POLICIES[row.got].node == OTHER]
    assert {row.expected for row in sent} <= {name for name, one in POLICIES.items() if one.node == OTHER}


def test_every_class_has_a_policy_and_every_policy_a_class():
    assert {rule.name for rule in RULES} == set(POLICIES)
    raw = json.loads(pkgutil.get_data("mlops_ci.guest", "failures.json"))
    assert raw["schema"] == failures.SCHEMA


def test_only_exit_code_11_stands_for_another_node():
    for rule in RULES:
        assert (rule.exit_code == 11) == (POLICIES[rule.name].node == OTHER), rule.name
