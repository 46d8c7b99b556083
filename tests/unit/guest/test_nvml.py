"""NVIDIA's real binding, with a stand-in only for the driver's library below it."""

import ctypes

import pynvml
import pytest

from mlops_ci.guest.sampling import nvml
from mlops_ci.guest.sampling.gpus import GpuSampler

GIB = 2**30


class Driver:
    """What `libnvidia-ml.so` would be: functions that fill in ctypes arguments. An old driver lacks some."""

    def __init__(self, used=GIB, *, old=False):
        self.used = used
        if not old:
            self.nvmlDeviceGetPowerUsage = lambda handle, milliwatts: self._set(milliwatts, 123_400)

    @staticmethod
    def _set(reference, value):
        reference._obj.value = value
        return 0

    def nvmlInitWithFlags(self, flags):  # noqa: N802
        return 0

    def nvmlDeviceGetCount_v2(self, count):  # noqa: N802
        return self._set(count, 1)

    def nvmlDeviceGetHandleByIndex_v2(self, index, handle):  # noqa: N802
        return 0

    def nvmlDeviceGetUUID(self, handle, text, size):  # noqa: N802
        text.value = b"GPU-42"
        return 0

    def nvmlDeviceGetName(self, handle, text, size):  # noqa: N802
        text.value = b"NVIDIA H100 80GB HBM3"
        return 0

    def nvmlDeviceGetMemoryInfo(self, handle, memory):  # noqa: N802
        memory._obj.total, memory._obj.used, memory._obj.free = 80 * GIB, self.used, 80 * GIB - self.used
        return 0

    def nvmlDeviceGetUtilizationRates(self, handle, busy):  # noqa: N802
        busy._obj.gpu, busy._obj.memory = 97, 50
        return 0

    def nvmlDeviceGetTemperature(self, handle, kind, celsius):  # noqa: N802
        return self._set(celsius, 61)

    def nvmlDeviceGetComputeRunningProcesses_v3(self, handle, count, rows):  # noqa: N802
        if rows is None or not count._obj.value:
            count._obj.value = 1
            return pynvml.NVML_ERROR_INSUFFICIENT_SIZE
        rows[0].pid, rows[0].usedGpuMemory = 4711, self.used
        count._obj.value = 1
        return 0


@pytest.fixture
def driver(monkeypatch):
    def put(driver):
        monkeypatch.setattr(pynvml, "nvmlLib", driver)
        monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
        monkeypatch.setattr(pynvml, "_LoadNvmlLibrary", lambda: None)
        return driver

    return put


def opened():
    found, reason = nvml.open_nvml(probe=False)
    assert reason == ""
    return found


def test_a_gpu(driver):
    driver(Driver())
    (gpu,) = opened().gpus()
    assert (gpu.uuid, gpu.name, gpu.index) == ("GPU-42", "NVIDIA H100 80GB HBM3", 0)
    assert (gpu.memory_total_bytes, gpu.memory_used_bytes, gpu.utilization_percent) == (80 * GIB, GIB, 97)
    assert (gpu.power_watts, gpu.temperature_c) == (123.4, 61)
    assert gpu.processes == (4711,)


def test_what_an_old_driver_cannot_tell_is_none(driver):
    driver(Driver(old=True))
    (gpu,) = opened().gpus()
    assert gpu.power_watts is None
    assert gpu.memory_used_bytes == GIB


def test_a_driver_that_fails(driver):
    broken = driver(Driver())
    broken.nvmlInitWithFlags = lambda flags: pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH
    found, reason = nvml.open_nvml(probe=False)
    assert found is None
    assert reason.startswith("NVML could not be opened: ")


def test_no_driver(monkeypatch):
    def refuse(name):
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    assert nvml.open_nvml()[0] is None
    assert "no NVIDIA driver" in nvml.open_nvml()[1]


@pytest.mark.parametrize(
    ("shown", "seen"), [(None, 1), ("0", 1), ("GPU-42", 1), ("1,0", 0), ("GPU-4,GPU-5", 1), ("", 0), ("MIG-7", 1)]
)
def test_only_the_gpus_of_this_job_are_looked_at(driver, shown, seen):
    driver(Driver())
    environment = {} if shown is None else {"CUDA_VISIBLE_DEVICES": shown}
    assert len(nvml.shown_to_job(opened().gpus(), environment)) == seen


def test_what_the_driver_keeps_for_itself_is_not_in_use_where_it_tells_that_apart(driver):
    card = Driver(used=GIB)

    def told_apart(_handle, memory):
        memory._obj.total, memory._obj.used, memory._obj.reserved = 80 * GIB, 0, GIB
        return 0

    card.nvmlDeviceGetMemoryInfo_v2 = told_apart
    driver(card)
    assert opened().gpus()[0].memory_used_bytes == 0


def test_a_gpu_counts_as_used_when_it_took_memory(driver):
    card = driver(Driver(used=GIB))
    sampler = GpuSampler(1.0)
    found = opened()
    sampler.note(found.gpus())
    assert sampler.used() == []
    card.used = 3 * GIB
    sampler.note(found.gpus())
    card.used = 2 * GIB
    sampler.note(found.gpus())
    assert sampler.used() == [
        {"index": 0, "uuid": "GPU-42", "name": "NVIDIA H100 80GB HBM3", "peak_memory_bytes": 2 * GIB}
    ]
    assert sampler.rows()[0] == {
        "index": 0,
        "utilization_percent": 97,
        "memory_bytes": 2 * GIB,
        "power_watts": 123.4,
        "temperature_c": 61,
    }
