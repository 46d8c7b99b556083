"""What the children told, as checks; and which of them a task wants."""

from datetime import date

import pytest

from mlops_ci.guest.health import rules, schedstat
from mlops_ci.guest.health.check import Check, health_of, verdict_of
from mlops_ci.guest.health.findings import Look, checks_of, devices_of
from mlops_ci.guest.health.row import MARK, Told, read
from mlops_ci.guest.health.starvation import Delay
from mlops_ci.guest.task import Expectation, HealthRequest, Silence

UUID = "GPU-1"
TORCH = {"version": "2.13.0+cu130", "seconds": 2.0}


def told(*checks, **facts):
    return Told(checks=list(checks), facts=facts, ended=True)


def gpu(*checks, count=1, error="", **facts):
    known = {"gpu": {"uuid": UUID, "name": "NVIDIA H100"}, "torch": TORCH, "count": {"devices": count, "error": error}}
    return told(Check("device.context.cuda:0", "PASS"), *checks, **known, **facts)


def statuses(*looks, survey=None, whole=None, **expect):
    return {check.id: check.status for check in checks_of(survey, looks, whole, Expectation(**expect))}


def test_a_healthy_gpu():
    looks = [Look("cuda:0", gpu(Check("remap.pending", "PASS")))]
    found = statuses(*looks, gpus=1, torch="2.13")
    assert set(found.values()) == {"PASS"}
    assert {"torch.import", "torch.version", "gpu.count", "remap.pending.cuda:0"} <= set(found)
    assert devices_of(looks)[0] == [UUID]


def test_each_gpu_has_its_own_checks_and_what_is_the_nodes_stands_once():
    driver = Check("driver.cuda", "PASS")
    found = statuses(*(Look(f"cuda:{number}", gpu(driver, Check("mig", "PASS"), count=2)) for number in (0, 1)), gpus=2)
    assert [name for name in found if name.startswith(("driver", "mig"))] == ["driver.cuda", "mig.cuda:0", "mig.cuda:1"]


def test_a_gpu_that_is_not_there_is_told_by_the_count_alone():
    """CUDA's word for it, an invalid device, would put it on the configuration: another node may have the GPU."""
    count = Check("gpu.count.driver", "BLOCK", 1, 2, "GPUs", "1 of 2 GPUs are there", node=True)
    beyond = told(Check("device.context", "BLOCK", cause="invalid device ordinal"), torch=TORCH)
    checks = checks_of(
        Look("node", told(count, gpus=[{"uuid": UUID}])), [Look("cuda:0", gpu()), Look("cuda:1", beyond)], None,
        Expectation(gpus=2),
    )  # fmt: skip
    assert [check.id for check in checks if check.status == "BLOCK"] == ["gpu.count.driver", "gpu.count"]
    assert verdict_of(checks).exit_code == 11


@pytest.mark.parametrize(
    ("step", "name"),
    [
        ("start", "torch.import"), ("torch import", "torch.import"), ("driver nvmlInit", "driver.answers.cuda:0"),
        ("active matmul", "matmul.cuda:0"), ("counters after the load", "examination.cuda:0"),
    ],
)  # fmt: skip
def test_a_child_that_stopped_names_the_step(step, name):
    look = Look("cuda:0", Told(step=step), "crashed with SIGSEGV")
    (check,) = checks_of(None, [look], None, Expectation(gpus=1))
    assert (check.id, check.status, check.node) == (name, "BLOCK", True)
    assert check.cause == f"the examination of cuda:0 crashed with SIGSEGV during: {step}"


def late(part, step, *checks, delay, **facts):
    """What becomes of a child that its deadline met in this step: (seconds, waited, of the step, waited of it)."""
    look = Look(part, Told(list(checks), facts, step), "was still busy after 57.0 s", Delay(*delay, "some avg10=97.1"))
    return checks_of(None, [look], None, Expectation(gpus=int(part.startswith("cuda"))))[-1]


@pytest.mark.parametrize(
    ("step", "delay", "status"),
    [
        ("torch import", (57, 50, 56, 49.5), "SKIP"),
        ("active numerics.exact", (57, 40, 20, 18), "SKIP"),
        ("active device.context", (57, 45, 0.5, 0.1), "SKIP"),
        ("torch import", (57, 0.2, 56, 0.1), "BLOCK"),  # it slept: a hang
        ("torch import", (57, 5, 56, 5), "BLOCK"),  # the machine is busy, and not that busy
        ("torch import", (57, 28, 56, 28), "BLOCK"),  # half of the time is enough to import torch: it spins
        ("active numerics.exact", (57, 30, 26, 1), "BLOCK"),  # it was starved before, and hangs now
        ("active numerics.exact", (57, 40, 40, 30), "BLOCK"),
    ],
)
def test_a_child_that_got_no_core_could_not_be_observed_and_a_hang_is_a_finding(step, delay, status):
    check = late("cpu", step, delay=delay)
    assert (check.status, check.node) == (status, status == "BLOCK")
    assert check.cause.startswith("this machine was too busy: the examination of cpu") is (status == "SKIP")
    if status == "SKIP":
        assert check.cause.endswith(f"it waited {delay[1]:.1f} of 57.0 s for a core")
        assert (check.evidence, verdict_of([check]).exit_code) == ("some avg10=97.1", 0)


def test_a_gpu_that_was_asked_for_and_never_reached_is_no_healthy_one():
    starved = (57, 50, 56, 49.5)
    check = late("cuda:0", "torch import", delay=starved)
    assert (check.status, verdict_of([check]).exit_code) == ("BLOCK", 11)
    assert check.cause.startswith("this machine was too busy")
    answered = Check("device.context.cuda:0", "PASS")
    seen = late("cuda:0", "active matmul", answered, delay=(*starved[:2], 20, 15), gpu={"uuid": UUID, "name": "H100"})
    assert (seen.status, seen.uuid) == ("SKIP", UUID)


def test_the_kernels_own_count_of_waiting(tmp_path):
    def process(pid, session, **threads):
        (tmp_path / str(pid) / "task").mkdir(parents=True)
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (a) b) S 1 {pid} {session} 0\n")
        for thread, text in threads.items():
            (tmp_path / str(pid) / "task" / thread[1:]).mkdir()
            (tmp_path / str(pid) / "task" / thread[1:] / "schedstat").write_text(text)

    process(7, 7, _7="5000000000 2000000000 9\n", _8="1 3000000000 2\n")
    process(9, 7, _9="1 8000000000 2\n")
    process(11, 11, _11="1 99000000000 2\n", _12="garbage\n")
    assert schedstat.waits(7, proc=tmp_path) == {7: 2.0, 8: 3.0}
    assert schedstat.session_waits(7, proc=tmp_path) == {7: 2.0, 8: 3.0, 9: 8.0}
    assert schedstat.longest(schedstat.waits(7, proc=tmp_path), {8: 2.5}) == 2.0
    assert schedstat.longest(schedstat.waits(404, proc=tmp_path), {}) == 0.0
    assert schedstat.pressure(tmp_path / "none") == ""


def test_nothing_that_was_seen_is_no_pass():
    (check,) = checks_of(None, [], None, Expectation())
    assert check.status == "SKIP"


@pytest.mark.parametrize(
    ("version", "wanted", "status"),
    [("2.13.0", "2.13", "PASS"), ("2.13.0", "2.13.0", "PASS"), ("2.1.0", "2.13", "BLOCK"), ("2.13.0", "2.1", "BLOCK")],
)
def test_versions(version, wanted, status):
    look = Look("cpu", told(torch={"version": version, "seconds": 1}))
    assert statuses(look, torch=wanted)["torch.version"] == status


def test_lines_that_are_damaged_or_of_others_are_passed_over():
    lines = ["noise", MARK + "[", MARK + '["check", {"id": "a"}]', MARK + '["check", 7]',
             MARK + '["step", "torch import"]', MARK + '["check", {"id": "a", "status": "PASS", "color": 1}]',
             MARK + '["fact", ["gpu", 1]]']  # fmt: skip
    found = read(lines)
    assert (found.checks, found.step, found.facts, found.ended) == ([], "torch import", {"gpu": 1}, False)


def test_a_silence_hides_until_its_day_and_is_told_afterwards():
    checks = [Check("power.limit.cuda:0", "WARN", cause="capped", advice="x"), Check("power.limit.cuda:1", "PASS")]
    silence = [Silence("power.limit", "by the operator", "2026-12-31")]
    before = list(rules.silenced(checks, silence, date(2026, 12, 31)))
    assert [check.status for check in before] == ["SKIP", "PASS"]
    assert before[0].cause == "silenced until 2026-12-31 (by the operator); it was WARN: capped"
    after = list(rules.silenced(checks, silence, date(2027, 1, 1)))
    assert [check.status for check in after] == ["WARN", "PASS", "WARN"]
    assert after[2].id == "silence.power.limit"


def test_a_silenced_block_does_not_stop_the_training_and_is_no_pass():
    blocked = [Check("nvlink.cuda:0", "BLOCK", cause="down", advice="x", node=True)]
    hidden = list(rules.silenced(blocked, [Silence("nvlink", "no link needed", "2999-01-01")], date(2026, 1, 1)))
    assert (verdict_of(blocked).exit_code, verdict_of(hidden).exit_code) == (11, 0)
    assert health_of(hidden, gpus=1) == "healthy"
    assert hidden[0].status == "SKIP"


@pytest.mark.parametrize(
    ("budget", "named", "level"),
    [
        (15, None, "quick"),
        (16, None, "standard"),
        (60, None, "standard"),
        (300, None, "long"),
        (60, "static", "static"),
    ],
)
def test_the_budget_chooses_the_level_unless_it_is_named(budget, named, level):
    assert rules.level_of(HealthRequest(level=named), budget) == level


def test_names_mean_whole_words():
    assert rules.named("ecc.corrected.cuda:0", ["ecc"])
    assert rules.named("ecc.corrected.cuda:0", ["ecc.corrected"])
    assert not rules.named("ecc.corrected.cuda:0", ["ecc.corr"])
