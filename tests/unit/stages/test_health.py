"""A look at a node from the control side: what counts again, what is remembered, what a node's own past says."""

from dataclasses import replace

import pytest

from mlops_ci.fleet import history
from mlops_ci.guest.health.check import Check
from mlops_ci.stages.health import Node, examine
from mlops_ci.stages.host_look import HostLook
from mlops_ci.stages.train import used
from mlops_ci.stores.open import open_store
from mlops_ci.training.outcome import JobError, Outcome

STATIC = {"id": "remap.pending.cuda:0", "status": "PASS", "uuid": "GPU-a"}
NOT_REACHED = {"id": "matmul.cuda:0", "status": "SKIP", "cause": "not reached: it belongs to a budget of 60 s"}
SICK = {"id": "nvlink.cuda:0", "status": "BLOCK", "cause": "down", "advice": "x", "node": True, "uuid": "GPU-a"}


def computed(speed=700.0):
    return {"id": "matmul.bf16.cuda:0", "status": "PASS", "value": speed, "unit": "TFLOPS", "uuid": "GPU-a"}


def outcome(*checks, verdict="healthy", code=0):
    return Outcome(
        class_="unhealthy" if code else "ok",
        exit_code=code,
        cause="x" if code else "",
        hint="",
        seconds=1.0,
        checks=checks,
        verdict=verdict,
        devices=("GPU-a",),
        device_details=({"device": "cuda:0", "name": "NVIDIA H100", "uuid": "GPU-a"},),
    )


class Guest:
    """Plays the guest: a full look computes, a static one does not."""

    def __init__(self, speed=700.0):
        self.levels = []
        self.speed = speed
        self.sick = False

    def __call__(self, level):
        self.levels.append(level)
        if self.sick:
            raise JobError(outcome(STATIC, SICK, verdict="unhealthy", code=11))
        return outcome(STATIC, NOT_REACHED) if level == "static" else outcome(STATIC, computed(self.speed))


@pytest.fixture
def node(tmp_path):
    return Node(
        run="r1", image="abc", gpus=1, devices=("GPU-a",), demands={}, limits={}, cache=tmp_path / "cache",
        max_age=3600, store=None,
    )  # fmt: skip


def ids(found):
    return [one.id for one in found.outputs.checks]


def test_what_was_computed_counts_again_and_the_driver_is_asked_anew(node):
    guest, said = Guest(), []
    first, second = (examine(node, guest, said.append) for _ in range(2))
    assert guest.levels == [None, "static"]
    assert sorted(ids(second)) == sorted(ids(first)) == ["matmul.bf16.cuda:0", "remap.pending.cuda:0"]
    assert second.outputs.computed_at == first.outputs.computed_at
    assert "it counts" in said[0]
    assert second.outputs.devices == ("GPU-a",)


@pytest.mark.parametrize(
    "change", [{"image": "def"}, {"devices": ("GPU-b",)}, {"demands": {"only": ["mig"]}}, {"max_age": None}]
)
def test_another_image_gpu_or_demand_is_computed_anew(node, change):
    guest = Guest()
    examine(node, guest, print)
    examine(replace(node, **change), guest, print)
    assert guest.levels == [None, None]


def test_a_fault_that_came_since_is_found_and_ends_what_counted(node):
    guest = Guest()
    examine(node, guest, print)
    guest.sick = True
    found = examine(node, guest, print)
    assert found.error is not None
    assert (found.error.exit_code, found.outputs.verdict) == (11, "unhealthy")
    guest.sick = False
    examine(node, guest, print)
    assert guest.levels == [None, "static", None]


def test_every_verdict_is_kept_and_a_node_that_became_slow_is_unhealthy(node, tmp_path):
    store = open_store(str(tmp_path / "history"))
    kept = replace(node, store=store)
    for number in range(6):
        found = examine(replace(kept, run=f"r{number}", max_age=None), Guest(700 + number), print)
        assert found.error is None
    found = examine(replace(kept, max_age=None), Guest(350), print)
    assert found.error is not None
    assert (found.error.exit_code, found.error.failure_class) == (11, "unhealthy")
    assert "history.matmul.bf16.cuda:0" in found.error.cause
    assert found.outputs.verdict == "unhealthy"
    after = Guest(700)
    examine(kept, after, print)
    assert after.levels == [None], "what was sick does not count again"
    looks = list(history.looks(store))
    assert len(looks) >= 1
    assert {one.result.verdict for one in looks} >= {"healthy"}


def test_a_history_that_cannot_be_reached_costs_a_warning_and_no_training(node, tmp_path):
    place = tmp_path / "file"
    place.write_text("")
    found = examine(replace(node, store=open_store(str(place)), max_age=None), Guest(), print)
    assert found.error is None
    assert found.warnings


@pytest.mark.parametrize(
    ("gpus", "devices", "words"),
    [
        (4, ("GPU-1",), "the training used 1 of them"), (1, ("cpu",), "it ran on the CPU"), (1, (), None),
        (2, ("GPU-1", "GPU-2"), None), (1, ("GPU-1",), None),
    ],
)  # fmt: skip
def test_a_training_that_used_fewer_gpus_is_told(gpus, devices, words):
    said = used(gpus, devices)
    assert said == [] if words is None else words in said[0]


@pytest.mark.parametrize(
    ("lines", "code", "verdict", "status"),
    [
        (["NVRM: Xid (PCI:0000:3b:00): 79, pid=1"], 11, "unhealthy", "BLOCK"),
        ([], None, "healthy", "PASS"),
        (None, None, "healthy", "SKIP"),
    ],
)
def test_the_hosts_kernel_log_counts_where_the_container_cannot_read_it(
    node, monkeypatch, lines, code, verdict, status
):
    host = HostLook(checks=(Check("host.driver", "PASS", "580"),), buses={"GPU-a": "00000000:3B:00.0"})
    monkeypatch.setattr(HostLook.after, "__defaults__", (lambda: (lines, "not permitted"),))
    unread = {"id": "xid.history", "status": "SKIP", "cause": "unreadable"}
    found = examine(replace(node, host=lambda: host), lambda _: outcome(STATIC, unread), print)
    assert (found.error.exit_code if found.error else None, found.outputs.verdict) == (code, verdict)
    assert {one.id: one.status for one in found.outputs.checks if one.id != STATIC["id"]} == {
        "xid.history": status,
        "host.driver": "PASS",
    }
    own = {"id": "xid.history", "status": "PASS", "value": 0}
    found = examine(replace(node, host=lambda: host, image="b"), lambda _: outcome(STATIC, own), print)
    assert [one.status for one in found.outputs.checks if one.id == "xid.history"] == ["PASS"], "the container's own"
