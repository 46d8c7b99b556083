"""From measurements and readings to checks, without a device."""

from types import SimpleNamespace

import pytest

from mlops_ci.guest.health.active import matmul, throttle, transfer
from mlops_ci.guest.health.active.catalogue import CHECKS
from mlops_ci.guest.health.active.collective import judged as judged_ranks
from mlops_ci.guest.health.active.collective import run as all_reduce
from mlops_ci.guest.health.active.context import NEEDS, Context, applies
from mlops_ci.guest.health.active.guard import failed, guarded
from mlops_ci.guest.health.active.history import against_history, rates
from mlops_ci.guest.health.active.limits import DEFAULTS, ROWS
from mlops_ci.guest.health.active.matmul import Burn
from mlops_ci.guest.health.active.peer_copies import Pair
from mlops_ci.guest.health.active.peer_copies import judged as judged_pairs
from mlops_ci.guest.health.active.reference import Facts, row_for
from mlops_ci.guest.health.active.sensor import Reading, sensor
from mlops_ci.guest.health.check import Check

H100 = row_for(Facts("NVIDIA H100 80GB HBM3"))


def context(**given):
    return Context(torch=None, device="cuda:0", budget=60, table=H100, **given)


def products(tflops, mhz, **given):
    readings = () if mhz is None else (Reading(sm_mhz=mhz),)
    return matmul.judged(context(**given), "bf16", Burn(tflops, readings))


@pytest.mark.parametrize(
    ("tflops", "mhz", "status", "cause"),
    [
        (730, 1500, "PASS", ""),
        (650, 1300, "WARN", "throttled, its clock was 1300 of 1830 MHz"),
        (400, 800, "BLOCK", "throttled, its clock was 800 of 1830 MHz"),
        (400, 1830, "BLOCK", "slow at its clock of 1830 MHz"),
        (300, 1200, "BLOCK", "slow at its clock of 1200 MHz"),
        (400, None, "BLOCK", "the clock is not known"),
    ],
)
def test_a_low_rate_is_told_by_its_cause(tflops, mhz, status, cause):
    check = products(tflops, mhz)
    assert check.status == status
    assert cause in check.cause
    assert check.node == (status == "BLOCK")


@pytest.mark.parametrize(
    ("tflops", "mhz", "reasons", "status"),
    [
        (662, 1485, (4, 4, 1), "PASS"),  # an H200 as it was measured, at its power limit of 700 W
        (662, 1485, (4, 1, 1), "WARN"),  # its power limit explains too little of the time
        (662, 1485, (4, 4, 0x24), "WARN"),  # heat holds it down as well
        (620, 1830, (4, 4, 4), "WARN"),  # its clock is not what makes it slow
        (590, 1300, (4, 4, 4), "BLOCK"),  # below what any healthy one reaches
    ],
)
def test_a_gpu_at_its_power_limit_is_judged_at_the_clock_that_it_has_left(tflops, mhz, reasons, status):
    readings = tuple(Reading(sm_mhz=mhz, reasons=one, power_watts=698, temperature_c=60) for one in reasons)
    check = matmul.judged(context(), "bf16", Burn(tflops, readings))
    assert check.status == status
    assert f"{mhz} MHz, 698 W, up to 60 °C" in check.evidence


def test_efficiency_is_normalised_by_the_clock():
    check = matmul.efficiency(context(), "bf16", Burn(494.0, (Reading(sm_mhz=900), Reading(sm_mhz=930))))[0]
    assert check.value == pytest.approx(1.0, abs=0.01)
    assert "915 MHz" in check.unit
    assert matmul.efficiency(context(), "bf16", Burn(494.0, ()))[0].status == "SKIP"


def test_a_computed_model_is_never_blocked_and_an_unknown_one_is_measured_and_no_pass():
    computed = row_for(Facts("NVIDIA H800", "9.0", sm=132, boost_mhz=1980))
    given = Context(torch=None, device="cuda:0", budget=60, table=computed)
    assert matmul.judged(given, "bf16", Burn(10.0, ())).status == "WARN"
    unknown = Context(torch=None, device="cuda:0", budget=60)
    check = matmul.judged(unknown, "bf16", Burn(10.0, ()))
    assert (check.status, check.value, check.limit) == ("SKIP", 10.0, None)
    assert rates([check]) == {"cuda:0": {"matmul.bf16": 10.0}}, "other GPUs and the past are left to compare with"


def test_the_configuration_sets_limits():
    assert products(650, 1830).status == "WARN"
    assert products(650, 1830, limits={"matmul.warn-above-floor": 0.01}).status == "PASS"


@pytest.mark.parametrize(
    ("reasons", "status", "cause"),
    [
        ((0, 4, 1), "PASS", ""),
        ((4, 0x8, 4, 4), "BLOCK", "hardware slowdown in 25% of the looks"),
        ((0x40,), "BLOCK", "hardware thermal slowdown"),
        ((0x80,), "BLOCK", "power brake"),
        ((0x20, 0), "WARN", "software thermal slowdown in 50% of the looks, at up to 88 C"),
        ((None,), "SKIP", "does not tell"),
    ],
)
def test_throttling_under_load(reasons, status, cause):
    during = [Reading(reasons=one, temperature_c=88) for one in reasons]
    check = throttle.judge_load("throttle.load.cuda:0", None, during, None)
    assert check.status == status
    assert cause in check.cause


def test_counters_tell_what_no_look_saw():
    before, after = Reading(held_ns={"thermal": 10}), Reading(held_ns={"thermal": 10 + 2_000_000_000})
    check = throttle.judge_load("throttle.load.cuda:0", before, [Reading(reasons=0)], after)
    assert (check.status, "2.00 s held down by heat" in check.cause) == ("WARN", True)


@pytest.mark.parametrize(
    ("reached", "link", "status"),
    [
        (50, (5, 16), "PASS"),
        (25, (5, 16), "WARN"),
        (10, (5, 16), "BLOCK"),
        (10, (3, 16), "PASS"),
        (1, (None, 16), "PASS"),
    ],
)
def test_transfers_are_held_to_the_link_as_it_is(reached, link, status):
    assert transfer.judged(context(), "h2d", reached, link).status == status


def pair(source, target, *, wrong=0, rate=400.0, direct=True):
    return Pair(f"cuda:{source}", f"cuda:{target}", wrong, rate, direct)


def test_a_broken_pair_and_the_slowest_one_are_named():
    broken = judged_pairs(context(), [pair(0, 1), pair(1, 0, wrong=7)])[0]
    assert (broken.status, "cuda:1 to cuda:0 (7 words)" in broken.cause) == ("BLOCK", True)
    slow = judged_pairs(context(), [pair(0, 1), pair(1, 0, rate=50.0)])[1]
    assert (slow.status, "cuda:1 to cuda:0 copies 50 GB/s" in slow.cause) == ("WARN", True)
    through_host = judged_pairs(context(), [pair(0, 1, rate=20.0, direct=False), pair(1, 0, rate=20.0)])
    assert [check.status for check in through_host] == ["PASS", "PASS"]
    assert through_host[0].evidence == "GB/s cuda:0 to 1=20 (through the host); cuda:1 to 0=20"
    assert judged_pairs(context(), [])[0].status == "SKIP"


def test_a_slow_all_reduce_is_warned_about():
    rows = [{"rank": rank, "wrong": 0, "elements": 1024, "busbw": 100.0} for rank in range(8)]
    exact, rate = judged_ranks(context(), rows)
    assert (exact.status, rate.status, rate.limit) == ("PASS", "WARN", 315.0)


HISTORY = {"cuda:0": {"matmul.bf16": [700, 710, 690, 705, 695]}, "cpu": {"memory.bandwidth": [5, 9, 7, 4, 8, 6]}}


@pytest.mark.parametrize(
    ("check_id", "unit", "value", "status"),
    [
        ("matmul.bf16.cuda:0", "TFLOPS", 690.0, "PASS"),
        ("matmul.bf16.cuda:0", "TFLOPS", 600.0, "WARN"),
        ("matmul.bf16.cuda:0", "TFLOPS", 400.0, "BLOCK"),
        ("matmul.bf16.cuda:1", "TFLOPS", 400.0, "SKIP"),
        ("memory.bandwidth.cpu", "GB/s", 3.0, "PASS"),
        ("memory.bandwidth.cpu", "GB/s", 0.001, "PASS"),
    ],
)
def test_this_nodes_own_past(check_id, unit, value, status):
    """A CPU whose rate always varied by half tells nothing; a GPU's rate is steady."""
    check = against_history([Check(check_id, "PASS", value, None, unit)], HISTORY)[0]
    assert check.id == f"history.{check_id}"
    assert check.status == status


def test_a_steady_cpu_that_is_slow_now_is_warned_about_and_never_blocked():
    past = {"cpu": {"matmul.fp32": [0.10, 0.101, 0.099, 0.1, 0.1]}}
    check = against_history([Check("matmul.fp32.cpu", "PASS", 0.02, None, "TFLOPS")], past)[0]
    assert check.status == "WARN"


def test_only_rates_are_kept_for_the_history():
    checks = [
        Check("matmul.bf16.cuda:0", "PASS", 7.0, None, "TFLOPS"),
        Check("device.context.cuda:0", "PASS", 1, None, "s"),
    ]
    assert rates(checks) == {"cuda:0": {"matmul.bf16": 7.0}}


@pytest.mark.parametrize(
    ("error", "status", "node"),
    [
        (MemoryError(), "BLOCK", True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "BLOCK", True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), "BLOCK", True),
        (RuntimeError("CUDA error: no kernel image is available for execution on the device"), "BLOCK", False),
        (NotImplementedError(), "SKIP", False),
        (RuntimeError("torch._scaled_mm is only supported on CUDA devices with 8.9"), "SKIP", False),
    ],
)  # fmt: skip
def test_what_an_exception_means(error, status, node):
    check = failed("x.cpu", error)
    assert (check.status, check.node) == (status, node)
    assert check.cause


def test_an_exception_in_a_check_is_a_check():
    def broken():
        raise RuntimeError("CUDA error: device lost\nmore")

    assert guarded("x.cpu", broken)[0].cause.endswith("RuntimeError: CUDA error: device lost")


def test_the_catalogue_fits_its_budgets():
    """On one GPU: 15 s hold the quick checks beside torch's import (6 s), 60 s all of them."""
    assert len({check.id for check in CHECKS}) == len(CHECKS)
    one = [check for check in CHECKS if applies(check, gpus=1)]
    assert sum(check.seconds for check in one if check.level <= 15) <= 15 - 6
    assert sum(check.seconds for check in CHECKS) <= 60 - 10
    assert sum(check.cpu_seconds for check in CHECKS if applies(check, gpus=0)) <= 8
    assert {need for check in CHECKS for need in check.needs} <= set(NEEDS)
    assert not any("gpu" in check.needs for check in CHECKS if applies(check, gpus=0))


@pytest.mark.parametrize(
    ("gpus", "reduces", "copies"), [(0, "allreduce.processes", False), (1, None, False), (2, "allreduce", True)]
)
def test_what_needs_several_devices(gpus, reduces, copies):
    chosen = {check.id for check in CHECKS if applies(check, gpus=gpus)}
    assert [one for one in chosen if one.startswith("allreduce")] == ([reduces] if reduces else [])
    assert ("peer" in chosen) == copies


def test_every_limit_says_what_it_means_and_where_it_comes_from():
    for row in ROWS:
        assert row["means"]
        assert row["source"]
        assert row["unit"]
    assert len(DEFAULTS) == len(ROWS)


class NvmlError(Exception):
    """What the binding raises."""


def refused(*_):
    raise NvmlError


def held(_handle, policy):
    return SimpleNamespace(violationTime=10 * policy)


# As much of NVIDIA's binding as there is with a driver that is too old for the newer names.
BINDING = SimpleNamespace(
    NVMLError=NvmlError,
    nvmlDeviceGetCurrentClocksThrottleReasons=lambda _: 0x20,
    nvmlDeviceGetClockInfo=lambda _, kind: {1: 1500, 2: 2619}[kind],
    nvmlDeviceGetPowerUsage=refused,
    nvmlDeviceGetViolationStatus=held,
)


def test_a_driver_that_lacks_a_symbol_gives_no_value():
    reading = sensor(BINDING, "handle")()
    assert (reading.sm_mhz, reading.memory_mhz, reading.reasons) == (1500, 2619, 0x20)
    assert (reading.power_watts, reading.pcie_width) == (None, None)
    assert reading.held_ns["reliability"] == 50


def test_one_gpu_has_nobody_to_reduce_with():
    torch = SimpleNamespace(cuda=SimpleNamespace(device_count=lambda: 1))
    (check,) = all_reduce(Context(torch=torch, device="cuda:0", budget=60, table=H100))
    assert (check.id, check.status) == ("allreduce.exact.node", "SKIP")
    assert "needs two GPUs, and torch sees 1" in check.cause
