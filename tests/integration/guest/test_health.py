"""May this node train in this image? The real checks, a real torch, and images that are broken in known ways."""

import subprocess
import time

import pytest


@pytest.fixture
def health(make_job):
    """Runs the checks; `torch` is the source of a module that stands in for a broken torch."""

    def run(*, torch=None, expect=None, python=None, environment=None, timeout=30):
        job = make_job(**({"python": python} if python else {}))
        job.task.update(kind="health", stage="verify", timeout=timeout, expect=expect or {})
        job.task["environment"] = environment or {}
        if torch is not None:
            (job.folder / "work" / "torch.py").write_text(torch)
            job.task["environment"] |= {"PYTHONPATH": str(job.folder / "work")}
        started = time.monotonic()
        code, _ = job.run()
        outcome = job.outcome()
        outcome["took"] = time.monotonic() - started
        outcome["by_id"] = {check["id"]: check for check in outcome["checks"]}
        assert code == outcome["exit_code"]
        return outcome

    return run


def test_a_healthy_cpu_says_cpu(health, python_with_torch):
    outcome = health(
        python=python_with_torch, expect={"gpus": 0, "torch": "2.13", "memory_bytes": 2**29, "shm_bytes": 2**20}
    )
    assert (outcome["class"], outcome["exit_code"], outcome["verdict"]) == ("ok", 0, "cpu-only")
    assert outcome["devices"] == ["cpu"]
    wanted = ("torch.import", "torch.version", "device.answers.cpu", "numerics.exact.cpu", "numerics.reference.cpu",
              "memory.total", "memory.available", "shm", "disk.output")  # fmt: skip
    assert {name: outcome["by_id"][name]["status"] for name in wanted} == dict.fromkeys(wanted, "PASS")
    assert set(outcome["checks"][0]) == {"id", "status", "value", "limit", "unit", "cause", "advice"}
    assert outcome["took"] < 15


def test_a_gpu_that_a_cpu_build_cannot_have(health, python_with_torch):
    outcome = health(python=python_with_torch, expect={"gpus": 1})
    assert (outcome["class"], outcome["exit_code"], outcome["verdict"]) == ("not-usable", 3, "unhealthy")
    assert "built without CUDA" in outcome["cause"]
    assert "variant" in outcome["hint"]
    assert outcome["by_id"]["gpu.nvml"]["status"] == "SKIP"
    assert outcome["by_id"]["gpu.count"]["status"] == "BLOCK"
    assert outcome["devices"] == []


def test_another_torch_than_the_configuration_says(health, python_with_torch):
    outcome = health(python=python_with_torch, expect={"torch": "2.1"})
    assert (outcome["exit_code"], outcome["by_id"]["torch.version"]["status"]) == (3, "BLOCK")


@pytest.mark.parametrize(
    ("torch", "code", "check", "cause"),
    [
        ("raise ImportError('libcudart.so.13: cannot open')", 3, "torch.import", "libcudart.so.13: cannot open"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
            11,
            "torch.import",
            "crashed with SIGSEGV during: import",
        ),
        ("import os; os._exit(9)", 11, "torch.import", "ended with exit code 9 during: import"),
        ("import time; time.sleep(600)", 11, "torch.import", "still busy after 3 s during: import"),
    ],
)
def test_a_torch_that_cannot_be_imported(health, torch, code, check, cause):
    outcome = health(torch=torch, timeout=3)
    assert (outcome["exit_code"], outcome["verdict"]) == (code, "unhealthy")
    assert outcome["by_id"][check]["status"] == "BLOCK"
    assert cause in outcome["by_id"][check]["cause"]
    assert outcome["by_id"]["memory.total"]["status"] == "PASS"
    assert outcome["took"] < 8


# Stands for a torch whose device hangs, is lost or computes wrong: the edge below which no machine here can go.
SICK = """
import time
__version__ = "2.13.0"
class cuda:
    class matmul: pass
    @staticmethod
    def is_available(): return True
    @staticmethod
    def device_count(): return {count}
    @staticmethod
    def init(): {init}
    @staticmethod
    def get_device_properties(device): return type("P", (), {{"name": "Stand-in", "uuid": "1-2"}})
class version: cuda = "13.0"
class backends:
    class cuda:
        class matmul: allow_tf32 = True
def ones(*_, device): {ones}
"""


@pytest.mark.parametrize(
    ("count", "init", "ones", "code", "cause"),
    [
        (0, "raise RuntimeError('No CUDA GPUs are available')", "pass", 3, "0 of 2 GPUs are usable: No CUDA GPUs"),
        (1, "pass", "raise RuntimeError('x')", 11, "1 of 2 GPUs are usable"),
        (0, "raise RuntimeError('CUDA unknown error')", "pass", 11, "CUDA unknown error"),
        (
            2,
            "pass",
            "raise RuntimeError('CUDA error: device lost')",
            11,
            "the device does not answer: RuntimeError: CUDA error",
        ),
        (2, "pass", "time.sleep(600)", 11, "still busy after 3 s during: device cuda:0"),
    ],
)
def test_gpus_that_are_missing_or_sick(health, count, init, ones, code, cause):
    outcome = health(torch=SICK.format(count=count, init=init, ones=ones), expect={"gpus": 2}, timeout=3)
    assert (outcome["exit_code"], outcome["verdict"]) == (code, "unhealthy")
    assert any(cause in check["cause"] for check in outcome["checks"] if check["status"] == "BLOCK")
    assert outcome["devices"] == []


def test_more_memory_and_space_than_there_is(health):
    outcome = health(torch="raise ImportError", expect={"memory_bytes": 2**60, "shm_bytes": 2**60, "disk_bytes": 2**60})
    blocked = {name for name, check in outcome["by_id"].items() if check["status"] == "BLOCK"}
    assert {"memory.total", "memory.available", "shm", "disk.output", "torch.import"} <= blocked
    assert outcome["exit_code"] == 3


def test_hidden_gpus_and_harmful_variables(health):
    outcome = health(
        torch="raise ImportError", expect={"gpus": 1}, environment={"CUDA_VISIBLE_DEVICES": "", "CUDA_PROFILE": "1"}
    )
    assert outcome["by_id"]["environment.CUDA_VISIBLE_DEVICES"]["status"] == "BLOCK"
    assert outcome["by_id"]["environment.CUDA_PROFILE"]["status"] == "WARN"


def test_a_check_that_is_interrupted(make_job):
    job = make_job()
    job.task.update(kind="health", expect={}, environment={"PYTHONPATH": str(job.folder / "work")})
    (job.folder / "work" / "torch.py").write_text("import time\nopen('importing', 'w').close()\ntime.sleep(600)")
    process = job.start()
    from support.guest_job import until

    until((job.folder / "work" / "importing").exists)
    process.stdin.close()
    assert process.wait(8) == 143
    assert (job.outcome()["class"], job.outcome()["verdict"]) == ("cancelled", None)


def test_a_wrong_element_is_found_and_located(python_with_torch, zipapp):
    """The device code with a product that goes wrong in one bit, once; and the right one."""
    code = """
import torch
from mlops_ci.guest.health.numerics import check_numerics
torch.set_num_threads(1)
right = check_numerics(torch, "cpu", 256)
assert (right.wrong, right.places) == (0, ()), right
assert 0 < right.worst < 1, right
def flipped(left, right):
    result = left @ right
    result[17, 42] += 1
    return result
found = check_numerics(torch, "cpu", 256, multiply=flipped)
assert (found.wrong, found.places) == (1, ((17, 42),)), found
assert found.worst > 1, found
def lost(left, right):
    result = left @ right
    result[3, 3] = float("nan")
    return result
found = check_numerics(torch, "cpu", 256, multiply=lost)
assert found.wrong == 1 and found.places == ((3, 3),) and found.worst == float("inf"), found
halved = check_numerics(torch, "cpu", 256, multiply=lambda a, b: (a.half().float() @ b.half().float()))
assert halved.worst > 1, halved
"""
    done = subprocess.run([python_with_torch, "-c", code], env={"PYTHONPATH": str(zipapp)}, check=False)
    assert done.returncode == 0
