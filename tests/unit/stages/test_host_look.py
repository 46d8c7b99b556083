"""The host's half of verify: what it sees before the job, and what of it counts when the job has its GPUs."""

from __future__ import annotations

import json
import resource

import pytest

from mlops_ci.engines.docker_errors import DriverTooOldError, NvidiaRuntimeMissingError
from mlops_ci.engines.gpu_runtime import GpuRuntime, gpu_runtime
from mlops_ci.guest.health.check import BLOCK, PASS, SKIP, WARN, Check
from mlops_ci.guest.health.row import Told
from mlops_ci.stages import health, host_limits, host_look
from mlops_ci.stages.host_look import HostLook, devices_checks, driver_check, rest_of, runtime_check

GIB = 2**30
WELL = Check("host.driver", PASS, "580.65.06")
LOG = ["NVRM: Xid (PCI:0000:3b:00): 79, fell off", "NVRM: Xid (PCI:0000:5e:00): 48, double bit"]


@pytest.fixture
def toolkit(tmp_path):
    """A machine with NVIDIA's toolkit: its programs, and a description for CDI beside one that is of no GPU."""
    for name in ("nvidia-container-runtime-hook", "nvidia-ctk"):
        (tmp_path / name).touch(mode=0o755)
    cdi = tmp_path / "cdi"
    cdi.mkdir()
    (cdi / "nvidia.yaml").write_text("cdiVersion: 0.5.0\nkind: nvidia.com/gpu\n")
    (cdi / "other.json").write_text(json.dumps({"kind": "vendor.com/nic"}))
    (cdi / "notes.txt").write_text("nvidia.com/gpu")
    return tmp_path


def test_each_way_into_a_container_is_seen(toolkit):
    info = {"Runtimes": {"runc": {"path": "runc"}, "gpu": {"path": "/usr/bin/nvidia-container-runtime"}, "x": None}}
    found = gpu_runtime(info, places=[str(toolkit)], specifications=[toolkit / "cdi", toolkit / "absent"])
    assert found.ways == ("runtime gpu", "hook of NVIDIA's toolkit", "CDI")
    assert found.specifications == (str(toolkit / "cdi" / "nvidia.yaml"),)
    check = runtime_check(found, 1)
    assert (check.status, check.value) == (PASS, "runtime gpu, hook of NVIDIA's toolkit, CDI")
    assert str(toolkit / "nvidia-ctk") in check.evidence


def test_the_engine_says_where_its_descriptions_are(toolkit):
    found = gpu_runtime({"CDISpecDirs": [str(toolkit / "cdi")]}, places=[])
    assert found.ways == ("CDI",)


@pytest.mark.parametrize(
    ("found", "gpus", "status"),
    [(GpuRuntime(), 2, WARN), (GpuRuntime(), 0, SKIP), ("the engine runs on another machine", 2, SKIP)],
)
def test_no_way_into_a_container(found, gpus, status):
    check = runtime_check(found, gpus)
    assert (check.status, check.node) == (status, False)
    assert check.cause
    assert status != WARN or check.advice.startswith("Install NVIDIA Container Toolkit")


@pytest.mark.parametrize(
    ("nodes", "listed", "statuses"),
    [
        (("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"), 2, {"host.devices": PASS}),
        (("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"), 1, {"host.devices": WARN}),
        (("nvidia0", "nvidiactl"), 1, {"host.devices": PASS, "host.devices.control": WARN}),
    ],
)
def test_device_nodes_against_the_driver(tmp_path, nodes, listed, statuses):
    for name in nodes:
        (tmp_path / name).touch()
    found = list(devices_checks(Told(facts={"listed": listed}), WELL, tmp_path))
    assert {one.id: one.status for one in found} == statuses


def test_without_a_driver_nobody_knows_how_many_there_should_be(tmp_path):
    (found,) = devices_checks(Told(facts={"listed": 0}), Check("host.driver", BLOCK), tmp_path)
    assert found.status == SKIP


def test_a_driver_that_never_answers_is_a_finding():
    check = driver_check(Told(step="driver nvmlInit"))
    assert (check.status, check.node) == (BLOCK, True)
    assert "nvmlInit" in check.cause
    assert driver_check(Told([Check("driver.present", PASS, "580")])) == Check("host.driver", PASS, "580")
    absent = driver_check(Told([Check("driver.present", BLOCK, 0, cause="a container", advice="--gpus")]))
    assert (absent.cause, "--gpus" in absent.advice) == ("this machine has no NVIDIA driver", False)


def after(checks, devices, lines=LOG):
    buses = {"GPU-a": "00000000:3B:00.0", "GPU-b": "00000000:5E:00.0", "MIG-1": "00000000:5E:00.0"}
    found = HostLook(checks=checks, buses=buses).after(devices, lambda: (lines, "no permission"))
    return {one.id: one for one in found}


def test_what_a_job_with_gpus_contradicts_is_no_finding():
    checks = (Check("host.driver", BLOCK, cause="none"), Check("host.runtime", WARN, cause="none"),
              Check("host.devices", WARN, cause="one is lost"), Check("host.shm", WARN, cause="full"))  # fmt: skip
    statuses = {name: one.status for name, one in after(checks, ["GPU-a"]).items()}
    assert statuses["host.driver"] == statuses["host.runtime"] == SKIP
    assert statuses["host.devices"] == statuses["host.shm"] == WARN
    assert after(checks, [])["host.driver"].status == BLOCK


@pytest.mark.parametrize(("devices", "code"), [(["GPU-a"], 79), (["MIG-1"], 48)])
def test_the_log_counts_for_the_gpus_of_the_job_only(devices, code):
    assert after((), devices)["xid.history"].value == code


def test_a_log_of_unknown_gpus_or_one_that_is_closed_is_no_pass():
    assert after((), ["GPU-of-another-machine"])["xid.history"].status == SKIP
    assert after((), ["GPU-a"], lines=None)["xid.history"].status == SKIP


@pytest.mark.parametrize(
    ("size", "used", "status"), [(8 * GIB, GIB, PASS), (8 * GIB, 5 * GIB, WARN), (2**26, 2**26, PASS)]
)
def test_what_jobs_left_in_shared_memory(size, used, status):
    assert host_limits.judged_shm(size, used).status == status


def test_a_shared_memory_that_cannot_be_seen(tmp_path):
    assert host_limits.shm_check(tmp_path / "absent").status == SKIP
    assert host_limits.shm_check(tmp_path).id == "host.shm"


@pytest.mark.parametrize(("files", "status"), [(resource.RLIM_INFINITY, PASS), (65536, PASS), (256, WARN)])
def test_the_limits_of_this_machine(monkeypatch, files, status):
    monkeypatch.setattr(resource, "getrlimit", lambda number: (files, files))
    check = host_limits.limits_check()
    assert check.status == status
    assert "stack" in str(check.value)


def test_what_was_lost_on_the_host_is_taken_from_the_jobs_time():
    import time

    assert 40 < rest_of(60, time.monotonic() - 15) <= 45
    assert rest_of(15, time.monotonic() - 100) == host_look.LEAST


@pytest.fixture
def node(tmp_path):
    looked = HostLook(checks=(WELL, Check("host.shm", PASS)), buses={})
    return health.Node(run="r", image="i", gpus=1, devices=("GPU-a",), demands={}, limits={}, cache=tmp_path / "cache",
                       max_age=None, store=None, host=lambda: looked)  # fmt: skip


@pytest.mark.parametrize(
    ("error", "name"), [(NvidiaRuntimeMissingError, "host.runtime"), (DriverTooOldError, "host.driver")]
)
def test_an_engine_that_gives_no_gpu_is_a_verdict(node, error, name):
    def look(_level):
        raise error("Docker can't give containers a GPU", hint="install it")

    found = health.examine(node, look, print)
    assert found.error is not None
    assert (found.error.exit_code, found.outputs.verdict) == (3, "unhealthy")
    checks = {one.id: one for one in found.outputs.checks}
    assert (checks[name].status, checks[name].advice) == ("BLOCK", "install it")
    assert checks["host.shm"].status == "PASS"


def test_a_program_of_the_driver_that_hangs_is_a_finding(node, monkeypatch):
    from mlops_ci.stages.host_look import nvidia_smi
    from mlops_ci.training.outcome import Outcome

    monkeypatch.setattr(nvidia_smi, "waited", lambda: 10.1)
    good = Outcome(class_="ok", exit_code=0, cause="", hint="", seconds=1.0, checks=(), verdict="healthy")
    found = health.examine(node, lambda _: good, print)
    assert found.error is not None
    assert (found.error.exit_code, found.outputs.verdict) == (11, "unhealthy")
    assert "nvidia-smi did not answer within 10 s" in found.error.cause
