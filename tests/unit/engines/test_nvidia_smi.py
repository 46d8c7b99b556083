"""A driver whose own program hangs is waited for once."""

from __future__ import annotations

import pytest

from mlops_ci import process
from mlops_ci.engines import devices, nvidia_smi
from mlops_ci.engines.local_gpus import local_gpus


@pytest.fixture
def program(monkeypatch):
    """Plays nvidia-smi; gives how often it was started."""
    monkeypatch.setattr(nvidia_smi, "_silence", nvidia_smi.Silence())
    started = []

    def play(**answer):
        def run(argv, **options):
            started.append((argv, options["timeout"]))
            if "missing" in answer:
                raise process.ProgramMissingError("not here")
            said = {"exit_code": 0, "stdout": "", "timed_out": False, **answer}
            return process.Finished(argv=tuple(argv), shown="", stderr="", seconds=10.2, **said)

        monkeypatch.setattr(process, "run", run)
        return started

    return play


def test_one_that_hangs_is_asked_once_and_told(program):
    started = program(timed_out=True, exit_code=-9)
    assert devices.listed_devices() is None
    assert local_gpus() == ()
    assert devices.listed_devices() is None
    assert started == [(["nvidia-smi", "-L"], nvidia_smi.PATIENCE)]
    assert nvidia_smi.waited() == 10.2


@pytest.mark.parametrize("answer", [{"missing": True}, {"exit_code": 9}])
def test_one_that_fails_or_is_missing_hangs_not(program, answer):
    started = program(**answer)
    assert devices.listed_devices() is None
    assert devices.listed_devices() is None
    assert (len(started), nvidia_smi.waited()) == (2, 0.0)


def test_one_that_answers(program):
    program(stdout="NVIDIA H100 80GB HBM3, 9.0, 580.65.06\n")
    assert [one.driver for one in local_gpus()] == ["580.65.06"]
