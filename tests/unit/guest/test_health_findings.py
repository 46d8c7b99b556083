"""What the canary said, as checks."""

import json

from mlops_ci.guest.health.findings import checks_of, devices_of, read
from mlops_ci.guest.health.probe import MARK
from mlops_ci.guest.task import Expectation

BUILT = {"probe": "import", "version": "2.13.0+cu130", "cuda": "13.0", "devices": 1, "reason": "", "seconds": 2.0}
DEVICE = {"probe": "device", "device": "cuda:0", "right": True, "name": "NVIDIA H100", "uuid": "GPU-1"}
NUMBERS = {"probe": "numerics", "device": "cuda:0", "wrong": 0, "places": [], "worst": 0.1, "operations": 10**9}
NVML = {
    "probe": "nvml",
    "reason": "",
    "gpus": [
        {
            "index": 0,
            "uuid": "GPU-1",
            "name": "NVIDIA H100",
            "memory_total_bytes": 80 * 2**30,
            "memory_used_bytes": 0,
            "processes": [],
        }
    ],
}


def said(*rows, code=0):
    return read([MARK + json.dumps(row) for row in rows] + ["noise", ""], code)


def statuses(found, **expect):
    return {check.id: check.status for check in checks_of(found, Expectation(**expect), ending="ended")}


def test_a_healthy_gpu():
    found = said(NVML, BUILT, DEVICE, NUMBERS)
    assert set(statuses(found, gpus=1, torch="2.13").values()) == {"PASS"}
    assert devices_of(found)[0] == ["GPU-1"]


def test_leftover_memory_of_another_job():
    gpu = {**NVML["gpus"][0], "memory_used_bytes": 20 * 2**30, "processes": [77]}
    checks = checks_of(said({**NVML, "gpus": [gpu]}, BUILT, DEVICE, NUMBERS), Expectation(gpus=1), ending="")
    check = next(check for check in checks if check.id == "gpu.leftover.0")
    assert check.status == "WARN"
    assert "20480 MiB are in use by processes 77" in check.cause


def test_memory_that_the_driver_does_not_tell_is_no_pass():
    gpu = {**NVML["gpus"][0], "memory_used_bytes": None}
    assert statuses(said({**NVML, "gpus": [gpu]}, BUILT, DEVICE, NUMBERS), gpus=1)["gpu.leftover.0"] == "SKIP"


def test_wrong_results_block_this_node():
    found = said(NVML, BUILT, DEVICE, {**NUMBERS, "wrong": 2, "places": [[3, 4]], "worst": -1})
    checks = {check.id: check for check in checks_of(found, Expectation(gpus=1), ending="")}
    assert checks["numerics.exact.cuda:0"].status == "BLOCK"
    assert checks["numerics.exact.cuda:0"].node
    assert "at (3, 4)" in checks["numerics.exact.cuda:0"].cause
    assert checks["numerics.reference.cuda:0"].status == "BLOCK"


def test_a_canary_that_stopped_names_the_step():
    found = said(
        NVML, {"probe": "begin", "step": "import"}, BUILT, {"probe": "begin", "step": "device cuda:0"}, code=-9
    )
    checks = {check.id: check for check in checks_of(found, Expectation(gpus=1), ending="crashed with SIGKILL")}
    assert checks["device.answers.cuda:0"].cause == "the probe crashed with SIGKILL during: device cuda:0"
    assert checks["device.answers.cuda:0"].node


def test_a_device_that_was_not_reached_is_skipped_and_no_pass():
    found = said({"probe": "import", "error": "ImportError: x"})
    assert statuses(found) == {"torch.import": "BLOCK"}
    assert statuses(said(BUILT)) == {"torch.import": "PASS", "torch.version": "PASS", "numerics": "SKIP"}


def test_versions():
    for version, wanted, status in (
        ("2.13.0", "2.13", "PASS"),
        ("2.13.0", "2.13.0", "PASS"),
        ("2.1.0", "2.13", "BLOCK"),
        ("2.13.0", "2.1", "BLOCK"),
    ):
        assert statuses(said({**BUILT, "version": version}), torch=wanted)["torch.version"] == status
