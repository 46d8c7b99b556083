"""Checks of the node that touch no device."""

import resource
from pathlib import Path

import pytest

from mlops_ci.guest.health import host
from mlops_ci.guest.health.check import BLOCK, PASS, SKIP, WARN, Check, health_of, verdict_of
from mlops_ci.guest.health.variables import check_variables
from mlops_ci.guest.sampling.cgroup import MemoryGroup

GIB = 2**30


@pytest.mark.parametrize(
    ("expected", "total", "limit", "status"),
    [
        (None, 8 * GIB, "max", PASS), (4 * GIB, 8 * GIB, "max", PASS), (4 * GIB, 8 * GIB, str(4 * GIB), PASS),
        (4 * GIB, 8 * GIB, str(2 * GIB), BLOCK), (9 * GIB, 8 * GIB, "max", BLOCK), (4 * GIB, None, "max", SKIP),
    ],
)  # fmt: skip
def test_memory_in_all(tmp_path, expected, total, limit, status):
    (tmp_path / "memory.max").write_text(limit)
    check = host.memory_total(expected, total, MemoryGroup(tmp_path, 2))
    assert check.status == status
    assert not check.node


@pytest.mark.parametrize(
    ("expected", "available", "status", "node"),
    [(4 * GIB, 8 * GIB, PASS, False), (4 * GIB, 3 * GIB, BLOCK, True), (4 * GIB, int(3.7 * GIB), PASS, False),
     (None, GIB // 2, WARN, False), (GIB, None, SKIP, False)],
)  # fmt: skip
def test_memory_that_is_free(expected, available, status, node):
    check = host.memory_available(expected, available)
    assert (check.status, check.node) == (status, node)


def test_shared_memory(tmp_path):
    assert host.shared_memory(1, tmp_path).status == PASS
    assert host.shared_memory(2**60, tmp_path).status == BLOCK
    assert host.shared_memory(1, tmp_path / "absent").status == SKIP


@pytest.mark.parametrize(("soft", "status"), [(resource.RLIM_INFINITY, PASS), (2**26, PASS), (512, WARN)])
def test_stack_and_processes(monkeypatch, soft, status):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))
    found = {check.id: check for check in host.room()}
    assert {name: check.status for name, check in found.items()} == {
        "ulimit.stack": status,
        "ulimit.processes": status,
    }
    assert all(check.advice for check in found.values() if check.status == WARN)


def test_meminfo(tmp_path):
    path = tmp_path / "meminfo"
    path.write_text("MemTotal:       1000 kB\nMemAvailable:    500 kB\nHugePages_Total:       0\n")
    assert host.meminfo(path) == {"MemTotal": 1_024_000, "MemAvailable": 512_000}
    assert host.meminfo(tmp_path / "absent") == {}


@pytest.mark.parametrize(
    ("environment", "gpus", "statuses"),
    [
        ({}, 1, {PASS}), ({"CUDA_VISIBLE_DEVICES": ""}, 0, {PASS}), ({"CUDA_VISIBLE_DEVICES": "-1"}, 1, {BLOCK}),
        ({"CUDA_VISIBLE_DEVICES": "0,1"}, 1, {PASS}), ({"NVIDIA_VISIBLE_DEVICES": "void"}, 1, {BLOCK}),
        ({"CUDA_LAUNCH_BLOCKING": "1"}, 0, {WARN}), ({"CUDA_LAUNCH_BLOCKING": "0"}, 0, {PASS}),
        ({"CUDA_PROFILE": "1"}, 0, {WARN}),
    ],
)  # fmt: skip
def test_variables(environment, gpus, statuses):
    assert {check.status for check in check_variables(environment, gpus=gpus)} == statuses


@pytest.mark.parametrize(
    ("statuses", "gpus", "verdict"),
    [
        ([PASS], 1, "healthy"), ([PASS, SKIP], 1, "healthy"), ([PASS, WARN], 1, "degraded"),
        ([WARN, BLOCK], 1, "unhealthy"),
        ([PASS], 0, "cpu-only"), ([WARN], 0, "cpu-only"), ([BLOCK], 0, "unhealthy"),
    ],
)  # fmt: skip
def test_the_verdict(statuses, gpus, verdict):
    assert health_of([Check(f"c{n}", status) for n, status in enumerate(statuses)], gpus=gpus) == verdict


def test_the_code_says_whether_another_node_may_help():
    node, image = (
        Check("n", BLOCK, cause="sick", advice="go", node=True),
        Check("i", BLOCK, cause="no torch", advice="add"),
    )
    assert verdict_of([Check("a", PASS)]).exit_code == 0
    assert verdict_of([node]).exit_code == 11
    assert verdict_of([node, image]).exit_code == 3
    assert verdict_of([node, image]).cause == "i: no torch (and 1 more)"


def test_the_folders_of_the_job_are_looked_at_once_for_each_disk(tmp_path):
    from mlops_ci.guest.task import Paths

    paths = Paths(job=tmp_path, work=tmp_path, output=Path("/absent"), tmp=tmp_path, checkpoints=tmp_path)
    assert [check.id for check in host.disks(None, paths)] == ["disk.checkpoints"]
    assert next(host.disks(2**60, paths)).status == BLOCK
    assert list(host.writable(paths)) == []
