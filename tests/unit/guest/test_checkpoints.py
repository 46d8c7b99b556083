"""Checkpoints are whole or not there, whenever it ends."""

import json

import pytest

from mlops_ci.guest import checkpoints


def save(folder, step, data=None):
    return checkpoints.save(folder, step, lambda path: path.write_bytes(data or b"state %d" % step))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_newest_two_are_kept_and_listed(tmp_path):
    for step in (1, 2, 3):
        save(tmp_path, step)
    known = checkpoints.entries(tmp_path)
    assert [entry.step for entry in known] == [3, 2]
    assert names(tmp_path) == sorted(["latest.json", *(entry.path for entry in known)])
    pointer = json.loads((tmp_path / "latest.json").read_text())
    assert (pointer["step"], pointer["path"], len(pointer["sha256"])) == (3, known[0].path, 64)


def test_a_failed_save_changes_nothing(tmp_path):
    save(tmp_path, 1)
    before = names(tmp_path)

    def write(path):
        path.write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        checkpoints.save(tmp_path, 2, write)
    assert names(tmp_path) == before
    assert checkpoints.newest_good(tmp_path)[0].step == 1


def test_what_a_kill_left_behind_is_removed_later_and_never_used(tmp_path):
    save(tmp_path, 1)
    (tmp_path / "step-000000002-77.unfinished").write_bytes(b"half")
    (tmp_path / "step-000000002-abcabcabcabc.ckpt").write_bytes(b"whole, but the pointer was not written")
    assert checkpoints.newest_good(tmp_path)[0].step == 1
    save(tmp_path, 2)
    assert len(names(tmp_path)) == 3


def test_drafts_of_atomic_writes_that_were_killed_are_removed_later(tmp_path):
    for name in (".step-000000002-77.unfinished.54z01gas.tmp", ".latest.json.k2j3h4.tmp", ".of-the-user.tmp"):
        (tmp_path / name).write_bytes(b"half")
    one = save(tmp_path, 3)
    assert names(tmp_path) == [".of-the-user.tmp", "latest.json", one.path]


def test_a_damaged_one_is_passed_over_with_a_warning(tmp_path):
    save(tmp_path, 1)
    newest = save(tmp_path, 2)
    (tmp_path / newest.path).write_bytes(b"state 3")
    good, warnings = checkpoints.newest_good(tmp_path)
    assert good.step == 1
    assert warnings == [f"checkpoint {newest.path} of step 2 was not used: its content does not match its digest"]
    (tmp_path / good.path).unlink()
    good, warnings = checkpoints.newest_good(tmp_path)
    assert good is None
    assert "No such file" in warnings[1]


def test_the_same_step_again(tmp_path):
    save(tmp_path, 5, b"one")
    save(tmp_path, 5, b"two")
    assert (tmp_path / checkpoints.newest_good(tmp_path)[0].path).read_bytes() == b"two"
    save(tmp_path, 5, b"two")
    assert [entry.step for entry in checkpoints.entries(tmp_path)] == [5, 5]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"path": "../../etc/passwd", "step": 1, "sha256": "", "bytes": 1, "time": 1}']
)
def test_a_pointer_that_is_none(tmp_path, content):
    (tmp_path / "latest.json").write_text(content)
    assert checkpoints.entries(tmp_path) == []


def test_the_users_own_files_are_left_alone(tmp_path):
    (tmp_path / "mine.pt").write_bytes(b"x")
    for step in range(4):
        save(tmp_path, step)
    assert (tmp_path / "mine.pt").exists()
