from __future__ import annotations

import threading

import pytest

from mlops_ci.stores.base import Meter
from mlops_ci.stores.measure import measure, measure_all
from mlops_ci.stores.parallel import in_parallel


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
