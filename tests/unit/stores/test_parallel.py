from __future__ import annotations

import threading

import pytest

from mlops_ci.stores.base import Meter
from mlops_ci.stores.measure import measure, measure_all
from mlops_ci.stores.parallel import in_flight, in_parallel


def test_results_are_in_order_and_really_made_at_once():
    barrier = threading.Barrier(4, timeout=10)

    def call(number):
        barrier.wait()
        return number * 2

    assert in_parallel(call, range(8), workers=4) == [0, 2, 4, 6, 8, 10, 12, 14]
    assert in_parallel(call, [], workers=4) == []


def test_the_first_error_cancels_what_has_not_started():
    started = []

    def call(number):
        started.append(number)
        if number == 0:
            raise ValueError("first")
        threading.Event().wait(0.02)

    with pytest.raises(ValueError, match="first"):
        in_parallel(call, range(1000), workers=2)
    assert len(started) < 500


def test_each_thread_has_some_on_their_way_and_the_oldest_is_awaited_first():
    heard = []

    def begin(number):
        heard.append(f"begin {number}")
        return lambda: heard.append(f"end {number}") or number * 2

    assert in_flight(begin, range(5), workers=1, ahead=3) == [0, 2, 4, 6, 8]
    assert heard == [
        "begin 0", "begin 1", "begin 2", "end 0", "begin 3", "end 1", "begin 4", "end 2", "end 3", "end 4",
    ]  # fmt: skip


def test_an_error_at_the_end_of_one_begins_no_other():
    begun = []

    def begin(number):
        begun.append(number)
        return lambda: 1 // number

    with pytest.raises(ZeroDivisionError):
        in_flight(begin, range(100), workers=1, ahead=2)
    assert begun == [0, 1]


def test_a_meter_without_a_listener_and_with_one():
    Meter(files=1, size=1, on_progress=None).add(files=1, size=1)
    seen = []
    meter = Meter(files=2, size=10, on_progress=seen.append)
    meter.add(size=4)
    meter.add(files=1, size=6)
    assert [(one.files, one.bytes, one.total_files, one.total_bytes) for one in seen] == [(0, 4, 2, 10), (1, 10, 2, 10)]


def test_files_are_measured_in_order(tmp_path):
    paths = []
    for number in range(20):
        path = tmp_path / str(number)
        path.write_bytes(b"x" * number)
        paths.append(path)
    facts = measure_all(paths)
    assert [fact.bytes for fact in facts] == list(range(20))
    assert facts[3] == measure(paths[3])
    assert facts[0].sha256.startswith("e3b0c442")
