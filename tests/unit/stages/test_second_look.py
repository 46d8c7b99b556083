"""After the training the driver is asked once more; whatever comes of it, the training stays good."""

import pytest

from mlops_ci.errors import InfrastructureError
from mlops_ci.stages import verify
from mlops_ci.training.outcome import JobError, Outcome

LOST = {"id": "gpu.lost.cuda:0", "status": "BLOCK", "cause": "the driver has lost this GPU", "advice": "Reboot it."}
LEFT = {"id": "gpu.leftover.cuda:1", "status": "WARN", "cause": "2048 MiB are in use", "advice": "End it."}
GOOD = {"id": "remap.pending.cuda:0", "status": "PASS", "cause": "", "advice": ""}
OTHER = {"id": "shm", "status": "WARN", "cause": "small", "advice": "Raise it."}


def outcome(*checks, code=0):
    return Outcome(class_="x", exit_code=code, cause="x", hint="", seconds=1.0, checks=checks)


def test_what_the_driver_tells_now_is_a_warning(monkeypatch):
    levels = []

    def look(_session, level, *, after):
        levels.append((level, after))
        return outcome(LEFT, GOOD, OTHER)

    monkeypatch.setattr(verify, "_look", look)
    assert verify.second_look(None) == ("after the training, gpu.leftover.cuda:1: 2048 MiB are in use. End it.",)
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
    (said,) = verify.second_look(None)
    assert words in said
