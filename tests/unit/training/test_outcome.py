"""The guest's word, and the error that it stands for."""

import pytest

from mlops_ci.training.outcome import GuestGarbageError, JobError, read_outcome

GOOD = {
    "schema": "mlops-ci/outcome/1",
    "class": "non-finite",
    "exit_code": 20,
    "cause": "loss is NaN at step 3",
    "hint": "lower the learning rate",
    "seconds": 1.5,
    "commands": [{"name": "train-1", "exit_code": None, "seconds": 1.0}],
    "metrics": {"accuracy": 1},
    "usage": {"peak_memory_bytes": 10},
    "model": {"files": [{"path": "model.safetensors", "bytes": 1, "sha256": "x"}]},
}


def test_an_outcome_becomes_an_error_with_its_own_class_and_code():
    error = JobError(read_outcome(GOOD))
    assert (error.failure_class, error.exit_code) == ("non-finite", 20)
    assert (error.cause, error.hint) == ("loss is NaN at step 3", "lower the learning rate")


def test_what_is_read():
    outcome = read_outcome(GOOD)
    assert outcome.metrics == {"accuracy": 1.0}
    assert outcome.model == ("model.safetensors",)
    assert outcome.peak_memory_bytes == 10
    assert outcome.commands[0].exit_code == -1


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {**GOOD, "schema": "x/2"},
        {**GOOD, "exit_code": "bad"},
        {**GOOD, "metrics": {"a": "b"}},
        {**GOOD, "commands": [1]},
    ],
)
def test_garbage_is_a_bug_of_ours_and_says_so(bad):
    with pytest.raises(GuestGarbageError) as caught:
        read_outcome(bad)
    assert caught.value.exit_code == 70
