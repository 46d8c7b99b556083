"""Control groups, as version 1 and version 2 show them."""

from mlops_ci.guest.sampling.cgroup import MemoryGroup, machine_oom_kills, memory_group, owned


def tree(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_version_2_in_a_container(tmp_path):
    mount = tree(
        tmp_path / "cgroup",
        {
            "memory.current": "1000\n",
            "memory.max": "max\n",
            "memory.stat": "anon 600\ninactive_file 300\n",
            "memory.events": "low 0\noom 2\noom_kill 1\n",
            "cgroup.procs": "1\n7\n",
        },
    )
    own = tree(tmp_path, {"own": "0::/\n"}) / "own"
    group = memory_group(own, mount)
    assert group == MemoryGroup(mount, 2)
    assert (group.limit_bytes(), group.working_set_bytes(), group.oom_kills()) == (None, 700, 1)
    assert owned(group, {1, 7, 9})
    assert not owned(group, {7, 9})


def test_version_2_below_a_slice(tmp_path):
    mount = tree(tmp_path / "cgroup", {"a.slice/b/memory.current": "5", "a.slice/b/memory.max": "4096"})
    own = tree(tmp_path, {"own": "0::/a.slice/b\n"}) / "own"
    assert memory_group(own, mount).limit_bytes() == 4096


def test_version_1(tmp_path):
    mount = tree(
        tmp_path / "cgroup",
        {
            "memory/x/memory.usage_in_bytes": "1000",
            "memory/x/memory.limit_in_bytes": "9223372036854771712",
            "memory/x/memory.stat": "total_inactive_file 400",
            "memory/x/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
        },
    )
    own = tree(tmp_path, {"own": "5:cpu,cpuacct:/\n4:memory:/x\n0::/\n"}) / "own"
    group = memory_group(own, mount)
    assert group.version == 1
    assert (group.limit_bytes(), group.working_set_bytes(), group.oom_kills()) == (None, 600, 3)


def test_nothing_to_be_seen(tmp_path):
    assert memory_group(tmp_path / "absent", tmp_path) is None
    own = tree(tmp_path, {"own": "0::/x\n4:memory:/x\n"}) / "own"
    assert memory_group(own, tmp_path / "empty") is None
    assert not owned(None, {1})
    group = MemoryGroup(tmp_path, 2)
    assert (group.limit_bytes(), group.working_set_bytes(), group.oom_kills(), group.members()) == (
        None,
        None,
        0,
        set(),
    )


def test_kills_on_the_machine(tmp_path):
    assert machine_oom_kills(tree(tmp_path, {"vmstat": "pgfault 9\noom_kill 4\n"}) / "vmstat") == 4
    assert machine_oom_kills(tmp_path / "absent") == 0
