"""What is tried again, how often, and as what it is counted."""

import pytest

from mlops_ci.training.metrics import set_aside
from mlops_ci.training.retrying import Retrying, policy_of


def spent(again, class_, code, most=300):
    """How often this end is tried again."""
    for count in range(most):
        decision = again.decide(class_, code)
        if decision is None:
            return count
        again.count(class_, decision)
    return most


@pytest.mark.parametrize(
    ("class_", "code", "limit", "times"),
    [
        ("killed", 20, 9, 2),
        ("killed", 20, 1, 1),
        ("infrastructure", 10, 9, 3),
        ("guest-lost", 10, 2, 2),
        ("stalled", 12, 9, 2),
        ("stalled", 21, 9, 0),
        ("preempted", 12, 1, 100),
        ("preempted", 12, 0, 0),
        ("user-error", 20, 9, 0),
        ("bad-data", 20, 9, 0),
        ("non-finite", 20, 9, 0),
        ("device-lost", 11, 9, 0),
        ("collective-timeout", 11, 9, 0),
        ("cancelled", 143, 9, 0),
        ("a-class-of-tomorrow", 20, 9, 0),
    ],
)
def test_how_often(class_, code, limit, times):
    assert spent(Retrying(limit), class_, code) == times


def test_retries_and_resumes_are_counted_apart_and_only_retries_use_up_the_limit():
    again = Retrying(limit=2)
    for class_, code in (("preempted", 12), ("killed", 20), ("preempted", 12), ("infrastructure", 10)):
        again.count(class_, again.decide(class_, code))
    assert (again.retries, again.resumes) == (2, 2)
    assert again.decide("peer-lost", 10) is None
    assert again.decide("preempted", 12) is not None


def test_waits_double_up_to_a_minute():
    again = Retrying(limit=100)
    policy = policy_of("peer-lost", 10)
    for attempt in range(policy.tries):
        decision = again.decide("peer-lost", 10)
        assert policy.wait * 2**attempt / 2 <= decision.wait <= min(60, policy.wait * 2**attempt)
        again.count("peer-lost", decision)


def test_a_checkpoint_that_cannot_be_loaded_is_kept_aside(tmp_path):
    decision = Retrying(limit=2).decide("bad-checkpoint", 20)
    assert decision.from_beginning
    for _ in range(2):
        (tmp_path / "checkpoints").mkdir()
        (tmp_path / "checkpoints" / "latest.json").write_text("{}")
        set_aside(tmp_path / "checkpoints")
    set_aside(tmp_path / "checkpoints")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoints.unusable-1", "checkpoints.unusable-2"]
