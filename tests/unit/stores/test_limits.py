from __future__ import annotations

import threading

import pytest

from mlops_ci.stores.limits import Limits, Throttle


class Clock:
    """Time that passes only in sleep."""

    def __init__(self):
        self.now = 100.0
        self.lock = threading.Lock()

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        with self.lock:
            self.now += seconds


def test_bytes_pass_at_the_rate_and_a_pause_is_not_caught_up():
    clock = Clock()
    throttle = Throttle(1000, clock=clock, sleep=clock.sleep)
    for _ in range(10):
        throttle.take(500)
    assert clock.now == pytest.approx(104.5), "the last one is under way"
    clock.now += 60
    throttle.take(500)
    throttle.take(500)
    assert clock.now == pytest.approx(165.0)


def test_without_a_limit_nobody_waits():
    throttle = Throttle(None, sleep=lambda _: pytest.fail("waited"))
    assert throttle.free
    throttle.take(10**12)


def test_parts_are_no_more_than_requests():
    assert (Limits(concurrency=3).parts, Limits(concurrency=3).ranges) == (3, 3)
    assert (Limits(concurrency=200).parts, Limits(concurrency=200).ranges) == (4, 8)


def test_threads_and_requests_of_each_never_make_more_than_the_limit():
    assert (Limits().senders, Limits().threads, Limits().parts) == ((4, 16), 16, 4)
    assert (Limits(concurrency=3).threads, Limits(concurrency=3).parts) == (3, 3)
    for concurrency in range(1, 70):
        threads, ahead = Limits(concurrency=concurrency).senders
        assert threads * ahead <= concurrency
        assert threads * ahead > concurrency / 2
