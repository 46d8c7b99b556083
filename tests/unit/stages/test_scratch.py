"""Folders of one invocation: gone with it, or with the next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlops_ci.engines.owner import Owner
from mlops_ci.stages.scratch import OWNER, scratch, sweep


def left_behind(base, owner):
    folder = base / "1-abc"
    (folder / "train").mkdir(parents=True)
    (folder / OWNER).write_text(owner)
    return folder


def test_it_is_gone_afterwards_whatever_happened(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        with scratch(tmp_path / "shell") as folder:
            (folder / "work").mkdir()
            raise KeyboardInterrupt
    assert not (tmp_path / "shell").exists()


def test_two_at_once_do_not_meet(tmp_path):
    with scratch(tmp_path / "shell") as one:
        with scratch(tmp_path / "shell") as other:
            assert one != other
        assert one.is_dir()


def test_what_a_dead_process_left_goes_with_the_next(tmp_path):
    left = left_behind(tmp_path, replace(Owner.current(), started="1").text())
    assert sweep(tmp_path) == 1
    assert not left.exists()


def test_what_somebody_else_may_be_using_stays(tmp_path):
    left_behind(tmp_path, replace(Owner.current(), host="another-machine", pid=1).text())
    assert sweep(tmp_path) == 0
    (tmp_path / "1-abc" / OWNER).write_text("no owner at all")
    (tmp_path / "2-just-made").mkdir()
    assert sweep(tmp_path) == 0
    assert sweep(tmp_path / "nothing here") == 0
