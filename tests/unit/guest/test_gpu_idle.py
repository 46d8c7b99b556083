"""GPUs that have nothing to do: seen, and a reason to stop."""

from dataclasses import replace

import pytest

from mlops_ci.guest.classify import Evidence, classify
from mlops_ci.guest.jobwatch import JobWatch
from mlops_ci.guest.output.log import JobLog
from mlops_ci.guest.output.printed import PrintedMetrics
from mlops_ci.guest.output.redact import Redactor
from mlops_ci.guest.processes.outlet import Outlet
from mlops_ci.guest.processes.supervisor import IDLE
from mlops_ci.guest.sampling.gpus import GpuSampler
from mlops_ci.guest.sampling.nvml import Gpu
from mlops_ci.guest.sampling.sampler import Sampler as JobSampler

EMPTY = Gpu(0, "GPU-1", "NVIDIA L4", 2**34, 0, 0, None, None, ())
USED = replace(EMPTY, memory_used_bytes=2**30)
BUSY = replace(USED, utilization_percent=40)
OTHER = replace(BUSY, uuid="GPU-2")


@pytest.mark.parametrize(
    ("looks", "asked", "devices", "warned"),
    [
        (3, 1, [], "a GPU was asked for; 3 looks in so short a job saw none in use"),
        (10, 2, ["cpu"], "2 GPUs were asked for and none was used: this job ran on the CPU"),
        (3, 0, ["cpu"], None),
        (0, 1, ["cpu"], "a GPU was asked for; what the job used could not be observed: no reading was taken"),
    ],
)
def test_a_job_too_short_to_be_seen_is_not_said_to_have_run_on_the_cpu(tmp_path, looks, asked, devices, warned):
    sampler = JobSampler(tmp_path / "system.jsonl", 1.0)
    for _ in range(looks):
        sampler.gpus.note([EMPTY])
    assert sampler.devices(asked)[0] == devices
    assert sampler.device_warning(asked) == warned


@pytest.mark.parametrize(
    ("readings", "busy", "lost"),
    [
        ([], None, []),
        ([[EMPTY]], None, []),
        ([[EMPTY], [USED]], False, []),
        ([[EMPTY], [BUSY]], True, []),
        ([[EMPTY, OTHER], [USED, OTHER]], False, []),
        ([[EMPTY], [replace(USED, utilization_percent=None)]], None, []),
        ([[EMPTY, OTHER], [BUSY]], True, ["NVIDIA L4 (GPU-2)"]),
    ],
)
def test_only_gpus_that_the_job_uses_count(readings, busy, lost):
    sampler = GpuSampler(1.0)
    for reading in readings:
        sampler.note(reading)
    assert (sampler.busy(), sampler.lost()) == (busy, lost)


class Sampler:
    """Says what the test says."""

    busy: bool | None = None

    def tick(self, now):
        """No sample."""

    def gpus_busy(self):
        """As told."""
        return self.busy


@pytest.mark.parametrize(
    ("seen", "reason"), [([False, False], IDLE), ([False, True], None), ([None, None], None), ([False, None], None)]
)
def test_idle_for_too_long_is_a_reason_to_stop(tmp_path, seen, reason):
    outlet, sampler = Outlet(), Sampler()
    outlet.open = False
    watch = JobWatch(
        log=JobLog(tmp_path / "log", outlet, Redactor([])),
        printed=PrintedMetrics({}),
        spool=tmp_path / "metrics.jsonl",
        sampler=sampler,
        deadline=None,
        stall=None,
        gpu_idle=60,
    )
    start = watch._gpu_active
    reasons = []
    for step, sampler.busy in enumerate(seen, 1):
        reasons.append(watch.tick(start + 50 * step))
    assert reasons == [None, reason]


def test_it_is_called_stalled():
    verdict = classify(Evidence(code=-6, stop=IDLE, gpu_idle=1800, last_line="waiting"))
    assert (verdict.name, verdict.exit_code) == ("stalled", 21)
    assert verdict.cause == "the GPUs of the job had nothing to do for 1800 s; the last line was: waiting"
    assert classify(Evidence(code=0, stop=IDLE, checkpoint_saved=True)).exit_code == 12
