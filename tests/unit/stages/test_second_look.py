"""After the training the driver is asked once more; whatever comes of it, the training stays good."""

from types import SimpleNamespace

import pytest

from mlops_ci.errors import InfrastructureError
from mlops_ci.stages import verify
from mlops_ci.stages.host_look import HostLook
from mlops_ci.training.outcome import JobError, Outcome

LOST = {"id": "gpu.lost.cuda:0", "status": "BLOCK", "cause": "the driver has lost this GPU", "advice": "Reboot it."}
LEFT = {"id": "gpu.leftover.cuda:1", "status": "WARN", "cause": "2048 MiB are in use", "advice": "End it."}
GOOD = {"id": "remap.pending.cuda:0", "status": "PASS", "cause": "", "advice": ""}
OTHER = {"id": "shm", "status": "WARN", "cause": "small", "advice": "Raise it."}


SESSION = SimpleNamespace(engine=SimpleNamespace(name="host"), gpus=1)
IN_DOCKER = SimpleNamespace(engine=SimpleNamespace(name="docker"), gpus=1)


def outcome(*checks, code=0):
    return Outcome(class_="x", exit_code=code, cause="x", hint="", seconds=1.0, checks=checks)


def test_what_the_driver_tells_now_is_a_warning(monkeypatch):
    levels = []

    def look(_session, level, *, after):
        levels.append((level, after))
        return outcome(LEFT, GOOD, OTHER)

    monkeypatch.setattr(verify, "_look", look)
    assert verify.second_look(SESSION) == ("after the training, gpu.leftover.cuda:1: 2048 MiB are in use. End it.",)
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

    monkeypatch.setattr(verify, "_look", look)
    (said,) = verify.second_look(SESSION)
    assert words in said


@pytest.mark.parametrize(("status", "words"), [("SKIP", ["GPU fell off the bus"]), ("PASS", [])])
def test_the_hosts_kernel_log_is_read_where_the_container_cannot(monkeypatch, status, words):
    """An XID that the training itself raised is in the host's log, and in no container's."""
    log = {"id": "xid.history", "status": status, "cause": "unreadable", "advice": ""}
    own = {**GOOD, "uuid": "GPU-a"}
    host = HostLook(checks=(), buses={"GPU-a": "00000000:3B:00.0", "GPU-b": "00000000:5E:00.0"})
    lines = ["NVRM: Xid (PCI:0000:3b:00): 79, it fell off", "NVRM: Xid (PCI:0000:5e:00): 48, of another job"]
    monkeypatch.setattr(verify, "_look", lambda *_, **__: outcome(own, log))
    monkeypatch.setattr(verify, "look_at_host", lambda _: host)
    monkeypatch.setattr(HostLook.after, "__defaults__", (lambda: (lines, ""),))
    said = verify.second_look(IN_DOCKER)
    assert len(said) == len(words)
    assert all(one in text for one, text in zip(words, said, strict=True))
