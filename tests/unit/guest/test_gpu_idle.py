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

EMPTY = Gpu(0, "GPU-1", "NVIDIA L4", 2**34, 0, 0, None, None, ())
USED = replace(EMPTY, memory_used_bytes=2**30)
BUSY = replace(USED, utilization_percent=40)
OTHER = replace(BUSY, uuid="GPU-2")


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
