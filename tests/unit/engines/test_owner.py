"""A process is dead only when it certainly is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlops_ci.engines.owner import Owner

NOBODY = 2**22 + 1  # beyond the largest process id of Linux (proc(5), pid_max)


def test_this_process_lives():
    assert not Owner.current().is_dead()
    assert not Owner.current().is_dead(across_boots=True)


def test_a_process_id_that_is_nobodys_or_somebody_elses_now_is_dead():
    assert replace(Owner.current(), pid=NOBODY).is_dead()
    assert replace(Owner.current(), started="1").is_dead()


@pytest.mark.parametrize("elsewhere", [{"host": "another"}, {"namespace": "1"}])
def test_a_process_that_we_cannot_look_at_is_not_judged(elsewhere: dict[str, str]):
    owner = replace(Owner.current(), pid=NOBODY, **elsewhere)

    assert not owner.is_dead()
    assert not owner.is_dead(across_boots=True)


def test_a_reboot_ends_all_processes_of_this_machine():
    owner = replace(Owner.current(), boot="before")

    assert not owner.is_dead(), "a remote engine may serve another machine of the same name"
    assert owner.is_dead(across_boots=True)
    assert not replace(owner, host="another").is_dead(across_boots=True)


def test_text_and_back():
    owner = Owner.current()

    assert Owner.parse(owner.text()) == owner
    assert " " not in owner.text()


@pytest.mark.parametrize("text", ["", "a/b/c", "h/b/n/pid/1", "h/b/n/1/2/3"])
def test_other_text_is_no_owner(text: str):
    assert Owner.parse(text) is None
