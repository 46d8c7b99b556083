"""After the training the driver is asked once more; whatever comes of it, the training stays good."""

from types import SimpleNamespace

import pytest

from mlops_ci.errors import InfrastructureError
from mlops_ci.stages import second_look as second
from mlops_ci.stages import verify
from mlops_ci.stages.host_look import HostLook
from mlops_ci.training.outcome import JobError, Outcome

LOST = {"id": "gpu.lost.cuda:0", "status": "BLOCK", "cause": "the driver has lost this GPU", "advice": "Reboot it."}
LEFT = {"id": "gpu.leftover.cuda:1", "status": "WARN", "cause": "2048 MiB are in use", "advice": "End it."}
GOOD = {"id": "remap.pending.cuda:0", "status": "PASS", "cause": "", "advice": ""}
OTHER = {"id": "shm", "status": "WARN", "cause": "small", "advice": "Raise it."}


def session(engine="host", checks=()):
    record = SimpleNamespace(outputs={"checks": checks})
    run = SimpleNamespace(record={"verify": record}.get)
    return SimpleNamespace(engine=SimpleNamespace(name=engine), gpus=1, run=run)


SESSION, IN_DOCKER = session(), session("docker")


def outcome(*checks, code=0):
    return Outcome(class_="x", exit_code=code, cause="x", hint="", seconds=1.0, checks=checks)


def test_what_the_driver_tells_now_is_a_warning(monkeypatch):
    levels = []

    def look(_session, level, *, after):
        levels.append((level, after))
        return outcome(LEFT, GOOD, OTHER)

    monkeypatch.setattr(verify, "look", look)
    assert second.second_look(SESSION) == ("after the training, gpu.leftover.cuda:1: 2048 MiB are in use. End it.",)
    assert levels == [("static", True)]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (JobError(outcome(LOST, code=11)), "the driver has lost this GPU"),
        (InfrastructureError("the engine is gone"), "nobody could look at the GPUs after the training"),
    ],
)
def test_a_look_that_fails_costs_no_training(monkeypatch, error, words):
    def look(*_, **__):
        raise error

    monkeypatch.setattr(verify, "look", look)
    (said,) = second.second_look(SESSION)
    assert words in said


@pytest.mark.parametrize(("status", "words"), [("SKIP", ["GPU fell off the bus"]), ("PASS", [])])
def test_the_hosts_kernel_log_is_read_where_the_container_cannot(monkeypatch, status, words):
    """An XID that the training itself raised is in the host's log, and in no container's."""
    log = {"id": "xid.history", "status": status, "cause": "unreadable", "advice": ""}
    own = {**GOOD, "uuid": "GPU-a"}
    host = HostLook(checks=(), buses={"GPU-a": "00000000:3B:00.0", "GPU-b": "00000000:5E:00.0"})
    lines = ["NVRM: Xid (PCI:0000:3b:00): 79, it fell off", "NVRM: Xid (PCI:0000:5e:00): 48, of another job"]
    monkeypatch.setattr(verify, "look", lambda *_, **__: outcome(own, log))
    monkeypatch.setattr(second, "look_at_host", lambda _: host)
    monkeypatch.setattr(HostLook.after, "__defaults__", (lambda: (lines, ""),))
    said = second.second_look(IN_DOCKER)
    assert len(said) == len(words)
    assert all(one in text for one, text in zip(words, said, strict=True))


@pytest.mark.parametrize(
    ("now", "told"), [("4,362,138;NVRM: Xid 31", 0), ("4,977,900;NVRM: Xid 31", 1)], ids=["old", "new"]
)
def test_what_the_log_held_before_the_training_is_not_told_after_it(monkeypatch, now, told):
    before = {
        "id": "xid.history",
        "status": "WARN",
        "cause": "XID 31",
        "advice": "Look.",
        "evidence": "4,362,138;NVRM: Xid 31",
    }
    monkeypatch.setattr(verify, "look", lambda *_, **__: outcome({**before, "evidence": now}))
    assert len(second.second_look(session(checks=[before]))) == told


def counter(total, uuid="GPU-a", name="pcie.replays"):
    return {"id": f"{name}.cuda:0", "status": "PASS", "value": 0, "limit": 80, "unit": "replays", "cause": "",
            "advice": "", "uuid": uuid, "evidence": f"{total} in all"}  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (counter(7), counter(4007), "during the training, pcie.replays: 4000 replays on GPU-a."),
        (counter(7), counter(87), None), (counter(7), counter(4007, uuid="GPU-b"), None),
        ({**counter(7), "evidence": ""}, counter(4007), None),
        (counter(0, name="nvlink.errors"), {**counter(3, name="nvlink.errors"), "limit": 0},
         "during the training, nvlink.errors: 3 replays"),
    ],
)  # fmt: skip
def test_counters_that_grew_during_the_training_are_told(monkeypatch, before, after, words):
    """A look after the training has no load of its own: what counts is the difference to the look before it."""
    monkeypatch.setattr(verify, "look", lambda *_, **__: outcome(after))
    said = second.second_look(session(checks=(before,)))
    assert len(said) == (0 if words is None else 1)
    assert words is None or said[0].startswith(words)
