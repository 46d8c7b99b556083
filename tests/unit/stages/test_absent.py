"""GPUs that are asked for and are not here: what is told, by who sees how many."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlops_ci.engines.leases import GpuMissingError
from mlops_ci.guest.health.check import Check
from mlops_ci.guest.health.row import Told
from mlops_ci.stages import absent, health
from mlops_ci.stages.absent import Seen, count_check


def seen(smi, nvml, nodes, folder, *, wanted=2, usable=None, shown=None):
    names = ("nvidia-smi -L", "the driver's library", "device nodes (/dev/nvidia0 ...)", "/proc/driver/nvidia/gpus")
    counts = dict(zip(names, (smi, nvml, nodes, folder), strict=True))
    return Seen(wanted=wanted, usable=(smi or 0) if usable is None else usable, sources=counts, shown=shown)


@pytest.mark.parametrize(
    ("found", "advice", "node"),
    [
        (seen(None, None, 0, 0), "Choose a runner that has GPUs", False),
        (seen(1, 1, 1, 1), "Ask for 1 ([train] gpus, [verify] min-gpus), or choose a runner that has 2", False),
        (seen(1, 1, 2, 2), "Run on another node; reboot this one", True),
        (seen(None, None, 2, 2), "Run on another node; reboot this one", True),
        (seen(2, 2, 2, 2, usable=0, shown=""), "Set CUDA_VISIBLE_DEVICES on this runner", False),
        (seen(1, 1, 1, 1, usable=0, shown="-1"), "Ask for 1", False),
    ],
)
def test_each_case_has_its_own_next_step(found, advice, node):
    check = count_check(found)
    assert (check.status, check.value, check.limit, check.node) == ("BLOCK", found.usable, 2, node)
    assert check.advice.startswith(advice)


def test_every_source_is_named_with_what_it_shows():
    assert count_check(seen(1, None, 2, 1, usable=0, shown="7")).cause == (
        "2 GPUs are asked for, and this machine has 0 to give: nvidia-smi -L shows 1, the driver's library does not"
        " answer, device nodes (/dev/nvidia0 ...) shows 2, /proc/driver/nvidia/gpus shows 1;"
        " CUDA_VISIBLE_DEVICES='7' leaves 0"
    )


@pytest.fixture
def machine(monkeypatch):
    """A machine with one of the two GPUs."""
    here = seen(1, 1, 1, 1)
    told = Told([Check("driver.present", "PASS", "580.65.06"), Check("libraries.foreign", "WARN", cause="ours")])
    monkeypatch.setattr(absent, "examined", lambda _: told)
    monkeypatch.setattr(absent, "seen_here", lambda wanted, _: replace(here, wanted=wanted))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("NVIDIA_VISIBLE_DEVICES", raising=False)


def test_the_stage_explains_what_the_lease_could_not_give(machine, tmp_path):
    def look(_level):
        raise GpuMissingError("the job asks for 2 GPUs and this machine has 1 to give", hint="")

    node = health.Node(run="r", image="i", gpus=2, devices=("GPU-a",), demands={}, limits={}, cache=tmp_path / "cache",
                       max_age=None, store=None)  # fmt: skip
    found = health.examine(node, look, print)
    assert found.error is not None
    assert (found.error.exit_code, found.error.failure_class) == (3, "not-usable")
    assert found.error.cause.startswith("gpu.count.host: 2 GPUs are asked for, and this machine has 1 to give")
    assert found.outputs.verdict == "unhealthy"
    assert [one.id for one in found.outputs.checks] == ["gpu.count.host", "driver.present"]
