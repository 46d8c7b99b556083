"""In which order a checkpoint reaches the disk, and what is there when everything stops between two steps of it."""

import os
from pathlib import Path

import pytest

from mlops_ci.guest import checkpoints

REAL = {name: getattr(os, name) for name in ("fsync", "replace", "unlink")}


class Stopped(BaseException):
    """The power is gone."""


class Disk:
    """Tells what is asked of the real disk, and stops before step number `stops`; nothing is done after that."""

    def __init__(self, monkeypatch, stops=None):
        self.steps, self.stops = [], stops
        for name in REAL:
            monkeypatch.setattr(os, name, self.step(name))

    def step(self, name):
        def called(target, *rest, **options):
            path = os.readlink(f"/proc/self/fd/{target}") if isinstance(target, int) else os.fspath(target)
            where = os.fspath(rest[0]) if rest else path
            if self.stops is not None and len(self.steps) >= self.stops:
                raise Stopped
            self.steps.append((name, Path(where).name))
            return REAL[name](target, *rest, **options)

        return called


def save(folder, step):
    return checkpoints.save(folder, step, lambda path: path.write_bytes(b"state %d" % step))


def test_content_then_name_then_pointer_and_the_oldest_goes_last(tmp_path, monkeypatch):
    folder = tmp_path / "checkpoints"
    first, second = save(folder, 1), save(folder, 2)
    disk = Disk(monkeypatch)
    third = save(folder, 3)
    written, named, found, *rest = disk.steps
    assert (written[0], written[1].endswith(checkpoints.UNFINISHED)) == ("fsync", True)
    assert named == ("replace", third.path)
    assert found == ("fsync", "checkpoints"), "the name too is on the disk before the pointer names it"
    pointer = rest.index(("replace", checkpoints.POINTER))
    assert [name for name, _ in rest[:pointer]] == ["fsync"], "the pointer's own content"
    assert rest[pointer + 1] == ("fsync", "checkpoints")
    assert rest[pointer + 2 :] == [("unlink", first.path)]
    assert (folder / second.path).exists()


@pytest.mark.parametrize("stops", range(8))
def test_whenever_it_stops_the_newest_whole_one_is_found(tmp_path, monkeypatch, stops):
    save(tmp_path, 1)
    save(tmp_path, 2)
    with monkeypatch.context() as patch:
        disk = Disk(patch, stops)
        try:
            save(tmp_path, 3)
        except Stopped:
            assert len(disk.steps) == stops
        pointed = ("replace", checkpoints.POINTER) in disk.steps
    good, warnings = checkpoints.newest_good(tmp_path)
    assert (good.step, warnings) == (3 if pointed else 2, [])
    assert (tmp_path / good.path).read_bytes() == b"state %d" % good.step
    save(tmp_path, 4)
    left = {path.name for path in tmp_path.iterdir() if path.name.startswith(checkpoints.PREFIX)}
    assert left == {one.path for one in checkpoints.entries(tmp_path)}, "what it left behind goes with the next one"
