"""May this node train in this image? The real checks, a real torch, and images that are broken in known ways."""

import os
import subprocess
import sys
import time

import pytest

from support.health.cases import load
from support.health.processes import TORCH, driver_folder

CPU_SECONDS = 20
"""Of processor time for all checks in CPU mode, three interpreters with torch included: ten seconds on two cores."""

LONG = 12
"""Seconds in which the step that hangs is reached also on a busy machine."""

GRACE = 5
"""Seconds that a check may take beyond its budget, whatever hangs."""


@pytest.fixture
def health(make_job):
    """Runs the checks; `torch` is the source of a module that stands in for a broken torch."""

    def run(*, torch=None, expect=None, python=None, environment=None, timeout=30, level=None, only=()):
        job = make_job(**({"python": python} if python else {}))
        job.task.update(kind="health", stage="verify", timeout=timeout, expect=expect or {})
        job.task["environment"] = environment or {}
        job.task["health"] = {"level": level, "only": list(only)}
        if torch is not None:
            (job.folder / "work" / "torch.py").write_text(torch)
            more = job.task["environment"].get("PYTHONPATH", "")
            job.task["environment"] |= {"PYTHONPATH": f"{job.folder / 'work'}:{more}"}
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
    wanted = ("torch.import", "torch.version", "device.context.cpu", "numerics.exact.fp32.cpu", "numerics.repeat.cpu",
              "allreduce.exact.cpu",
              "memory.total", "memory.available", "shm", "disk.output")  # fmt: skip
    assert {name: outcome["by_id"][name]["status"] for name in wanted} == dict.fromkeys(wanted, "PASS")
    assert set(outcome["checks"][0]) == {
        "id", "status", "value", "limit", "unit", "cause", "advice", "node", "evidence", "uuid",
    }  # fmt: skip
    assert {check["status"] for check in outcome["checks"]} <= {"PASS", "WARN"}
    assert outcome["usage"]["cpu_seconds"] < CPU_SECONDS


def test_a_gpu_that_a_cpu_build_cannot_have(health, python_with_torch):
    outcome = health(python=python_with_torch, expect={"gpus": 1}, level="static")
    assert (outcome["class"], outcome["exit_code"], outcome["verdict"]) == ("not-usable", 3, "unhealthy")
    assert "built without CUDA" in outcome["by_id"]["torch.build"]["cause"]
    assert "variant" in outcome["by_id"]["torch.build"]["advice"]
    assert outcome["by_id"]["driver.present"]["status"] == "BLOCK"
    assert outcome["by_id"]["torch.build"]["status"] == "BLOCK"
    assert outcome["devices"] == []


def test_another_torch_than_the_configuration_says(health, python_with_torch):
    outcome = health(python=python_with_torch, expect={"torch": "2.1"}, level="static")
    assert (outcome["exit_code"], outcome["by_id"]["torch.version"]["status"]) == (3, "BLOCK")


@pytest.mark.parametrize(
    ("torch", "code", "check", "cause"),
    [
        ("raise ImportError('libcudart.so.13: cannot open')", 3, "torch.import", "libcudart.so.13: cannot open"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
            11,
            "torch.import",
            "crashed with SIGSEGV during: torch import",
        ),
        ("import os; os._exit(9)", 11, "torch.import", "ended with exit code 9 during: torch import"),
        ("import time; time.sleep(600)", 11, "torch.import", " s during: torch import"),
    ],
)
def test_a_torch_that_cannot_be_imported(health, torch, code, check, cause):
    outcome = health(torch=torch, timeout=5 if "sleep" in torch else 30)
    assert (outcome["exit_code"], outcome["verdict"]) == (code, "unhealthy")
    assert outcome["by_id"][check]["status"] == "BLOCK"
    assert cause in outcome["by_id"][check]["cause"]
    assert outcome["by_id"]["memory.total"]["status"] == "PASS"
    assert outcome["took"] < 5 + GRACE or "sleep" not in torch


# So much computing that a core of its own has done it in time, and the seventh part of one has not.
STARVES = """
import os, time
os.sched_setaffinity(0, {CORE})
over = time.process_time() + 1.5
while time.process_time() < over: pass
__version__ = "2.13.0"
"""


@pytest.fixture
def busy_core():
    """A core of this machine that six others want too."""
    core = max(os.sched_getaffinity(0))
    spin = f"import os\nos.sched_setaffinity(0, {{{core}}})\nwhile True: pass"
    hogs = [subprocess.Popen([sys.executable, "-c", spin], start_new_session=True) for _ in range(6)]
    yield core
    for hog in hogs:
        hog.kill()
        hog.wait()


def test_a_cpu_that_others_use_up_is_not_called_sick(health, busy_core):
    outcome = health(torch=STARVES.replace("CORE", str(busy_core)), timeout=4)
    check = outcome["by_id"]["torch.import"]
    assert (check["status"], outcome["verdict"], outcome["exit_code"]) == ("SKIP", "cpu-only", 0)
    assert check["cause"].startswith("this machine was too busy: the examination of cpu was still busy")
    assert outcome["took"] < 4 + GRACE


def test_a_cpu_that_hangs_at_work_is_named(health):
    outcome = health(torch=TORCH.format(ones="time.sleep(600)"), timeout=8)
    check = outcome["by_id"]["device.context.cpu"]
    assert (check["status"], outcome["verdict"], outcome["exit_code"]) == ("BLOCK", "unhealthy", 11)
    assert " s during: active device.context" in check["cause"]


def test_checks_of_the_machine_alone_are_no_test_of_a_gpu(health, tmp_path):
    profile = next(case for case in load() if case.name == "h100-sxm").profile()
    place = driver_folder(tmp_path / "driver", profile)
    given = {"torch": TORCH.format(ones="pass"), "expect": {"gpus": 1}, "environment": {"PYTHONPATH": str(place)}}
    outcome = health(**given, level="static", only=["shm", "ulimit"])
    assert (outcome["verdict"], outcome["exit_code"]) == ("unhealthy", 3)
    assert "no check has seen anything of cuda:0" in outcome["by_id"]["gpu.tested"]["cause"]
    assert health(**given, level="static", only=["mig"])["verdict"] == "healthy"


@pytest.fixture
def node(health, tmp_path):
    """A node with the driver's library of a case, in real child processes; `trip` is where it goes wrong."""

    def run(ones, *, trip, timeout):
        profile = next(case for case in load() if case.name == "h100-sxm").profile()
        profile["gpus"] = [profile["gpus"][0], {**profile["gpus"][0], "nvmlDeviceGetUUID": "GPU-second"}]
        place = driver_folder(tmp_path / "driver", {**profile, "trip": trip or {}})
        return health(
            torch=TORCH.format(ones=ones), expect={"gpus": 2}, timeout=timeout, environment={"PYTHONPATH": str(place)}
        )

    return run


@pytest.mark.parametrize(
    ("ones", "trip", "check", "cause"),
    [
        ("raise RuntimeError('CUDA error: device lost')", None, "device.context.cuda:0", "CUDA error: device lost"),
        ("time.sleep(600)", None, "device.context.cuda:0", " s during: active device.context"),
        ("os.kill(os.getpid(), signal.SIGKILL) if '1' in device else time.sleep(0)", None, "device.context.cuda:1",
         "was killed with SIGKILL"),
        ("pass", {"at": "nvmlDeviceGetRemappedRows", "hang": 600}, "driver.answers.cuda:0",
         " s during: driver nvmlDeviceGetRemappedRows"),
        ("pass", {"at": "nvmlDeviceGetRemappedRows", "error": 15}, "gpu.lost.cuda:1", "the driver has lost this GPU"),
    ],
)  # fmt: skip
def test_gpus_that_hang_crash_or_are_lost(node, ones, trip, check, cause):
    hangs = "600" in ones or "hang" in (trip or {})
    outcome = node(ones, trip=trip, timeout=LONG if hangs else 30)
    assert (outcome["exit_code"], outcome["verdict"]) == (11, "unhealthy")
    assert outcome["by_id"].get(check, {"status": "absent", "of": outcome["checks"]})["status"] == "BLOCK"
    assert cause in outcome["by_id"][check]["cause"]
    assert outcome["by_id"][check]["uuid"].startswith("GPU-")
    assert outcome["devices"] == []
    assert outcome["took"] < LONG + GRACE or not hangs


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
