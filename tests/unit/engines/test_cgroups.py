"""Where a memory limit can be set, on file trees laid out as the kernel's (which no test may change as it likes)."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_ci.engines import cgroups
from mlops_ci.engines.cgroups import memory_group
from mlops_ci.engines.owner import Owner


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch):
    """Sets what /proc/self/cgroup says."""
    return lambda *lines: monkeypatch.setattr(cgroups, "_own_groups", lambda: list(lines))


def kernel_files(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """A new group has its control files at once, and they vanish with it."""
    make, remove = Path.mkdir, Path.rmdir

    def mkdir(self: Path, *args, **options) -> None:
        make(self, *args, **options)
        for name in names:
            (self / name).write_text("")

    def rmdir(self: Path) -> None:
        for name in names:
            (self / name).unlink(missing_ok=True)
        remove(self)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    monkeypatch.setattr(Path, "rmdir", rmdir)


def test_no_limit_makes_no_group(tmp_path: Path):
    with memory_group(None, root=tmp_path) as group:
        assert group is None


def test_v2_takes_the_nearest_parent_that_hands_memory_on(tmp_path: Path, own, monkeypatch: pytest.MonkeyPatch):
    own("0::/user.slice/user-1.slice/app.scope")
    (tmp_path / "user.slice" / "user-1.slice" / "app.scope").mkdir(parents=True)
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory pids\n")
    (tmp_path / "user.slice" / "cgroup.subtree_control").write_text("cpu io memory pids\n")
    (tmp_path / "user.slice" / "user-1.slice" / "cgroup.subtree_control").write_text("cpu pids\n")
    kernel_files(monkeypatch, "memory.max", "memory.swap.max", "cgroup.procs", "memory.events")

    with memory_group(1000, root=tmp_path) as group:
        assert group is not None
        assert group.folder.parent == tmp_path / "user.slice"
        assert (group.folder / "memory.max").read_text() == "1000"
        assert (group.folder / "memory.swap.max").read_text() == "0"
        assert group.add(1234)
        assert (group.folder / "cgroup.procs").read_text() == "1234"
        assert not group.killed()
        (group.folder / "memory.events").write_text("low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\n")
        assert group.killed()
    assert not group.folder.exists()


def test_v1_limits_memory_and_swap_together(tmp_path: Path, own, monkeypatch: pytest.MonkeyPatch):
    own("4:memory:/docker/abc", "1:name=systemd:/docker/abc", "0::/docker/abc")
    (tmp_path / "memory" / "docker" / "abc").mkdir(parents=True)
    kernel_files(monkeypatch, "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.oom_control")

    with memory_group(1000, root=tmp_path) as group:
        assert group is not None
        assert group.folder.parent == tmp_path / "memory" / "docker" / "abc"
        assert (group.folder / "memory.limit_in_bytes").read_text() == "1000"
        assert (group.folder / "memory.memsw.limit_in_bytes").read_text() == "1000"
        (group.folder / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
        assert group.killed()


def test_a_group_that_takes_no_limit_is_removed_again(tmp_path: Path, own):
    own("0::/")
    (tmp_path / "cgroup.subtree_control").write_text("memory\n")

    with memory_group(1000, root=tmp_path) as group:
        assert group is None
    assert [one.name for one in tmp_path.iterdir()] == ["cgroup.subtree_control"]


@pytest.mark.parametrize("lines", [(), ("0::/nowhere",)])
def test_no_group_where_there_are_none(tmp_path: Path, own, lines: tuple[str, ...]):
    own(*lines)

    with memory_group(1000, root=tmp_path) as group:
        assert group is None


def test_only_groups_of_dead_owners_are_swept(tmp_path: Path, own):
    own("0::/")
    (tmp_path / "cgroup.subtree_control").write_text("memory\n")
    mine = Owner.current()
    dead = Owner(mine.host, mine.boot, mine.namespace, 2**22 + 1, "1")
    for owner in (mine, dead):
        (tmp_path / f"mlops-ci-{owner.text().replace('/', ',')},abcd").mkdir()
    (tmp_path / "mlops-ci-of-somebody-else").mkdir()

    assert cgroups.sweep(tmp_path) == 1
    assert len([one for one in tmp_path.iterdir() if one.is_dir()]) == 2
