import json
import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_ci.tracking.points import MetricPoint, PointReader, SystemReader, stored_value


def names_values(points):
    return [(one.name, one.value, one.step, one.timestamp) for one in points]


def test_reads_what_is_new_and_waits_for_the_end_of_a_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    reader = PointReader(path, started_ms=5)
    assert reader.read() == []
    path.write_text('{"time": 1.5, "step": 1, "loss": 2}\n{"time": 2.5, "st')
    assert names_values(reader.read()) == [("loss", 2.0, 1, 1500)]
    with path.open("a") as stream:
        stream.write('ep": 2, "loss": 1}')
    assert reader.read() == []
    assert names_values(reader.read(final=True)) == [("loss", 1.0, 2, 2500)]


def test_a_missing_time_is_that_of_the_line_before(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"loss": 1}\n{"time": 7, "loss": 2}\n{"loss": 3}\n')
    assert [one.timestamp for one in PointReader(path, started_ms=42).read()] == [42, 7000, 7000]


def test_an_impossible_time_is_counted_and_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"time": -5, "loss": 1}\n{"time": 1e300, "loss": 2}\n{"time": 7, "loss": 3}\n')
    reader = PointReader(path, started_ms=42)
    assert [one.value for one in reader.read()] == [3.0]
    assert "2 lines of metrics.jsonl have an impossible time" in " ".join(reader.warnings())


def test_bad_lines_and_changed_names_are_told(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('garbage\n{"time": 7, "step": 1, "top@5": 3}\n')
    reader = PointReader(path, started_ms=42)
    assert [one.name for one in reader.read()] == ["top_5"]
    bad, renamed = reader.warnings()
    assert "1 of 2 lines" in bad
    assert "'top@5' is 'top_5'" in renamed


@pytest.mark.parametrize(
    ("value", "stored"),
    [(math.nan, "nan"), (math.inf, sys.float_info.max), (-math.inf, -sys.float_info.max), (0.1, 0.1), (-0.0, 0.0)],
)
def test_values_compare_as_the_server_gives_them_back(value, stored):
    assert stored_value(value) == stored


@given(st.floats())
def test_a_point_is_the_same_after_the_way_through_the_server(value):
    there = MetricPoint("m", value, 1, 2)
    stored = value if math.isnan(value) else max(-sys.float_info.max, min(sys.float_info.max, value))
    back = MetricPoint("m", json.loads(json.dumps(stored)), 1, 2)
    assert there.key == back.key


def test_a_value_logged_again_is_the_same_point_and_a_sample_of_the_machine_is_not():
    assert MetricPoint("loss", 0.5, 3, 1000).key == MetricPoint("loss", 0.5, 3, 9000).key
    assert MetricPoint("loss", 0.5, 3, 1000).key != MetricPoint("loss", 0.6, 3, 1000).key
    assert MetricPoint("loss", 0.5, 3, 1000).key != MetricPoint("loss", 0.5, 4, 1000).key
    assert MetricPoint("system/cpu_percent", 50, 1, 1000).key != MetricPoint("system/cpu_percent", 50, 1, 9000).key


def test_system_samples_are_thinned_out_by_their_own_time(tmp_path):
    path = tmp_path / "system.jsonl"
    reader = SystemReader(path, every=10)
    assert reader.read() == []
    rows = [{"time": 100 + second, "cpu_percent": second} for second in range(25)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows[:15]))
    first = reader.read()
    with path.open("a") as stream:
        stream.write("".join(json.dumps(row) + "\n" for row in rows[15:]))
    everything = [*first, *reader.read()]
    assert names_values(everything) == [
        ("system/cpu_percent", 0.0, 1, 100_000),
        ("system/cpu_percent", 10.0, 2, 110_000),
        ("system/cpu_percent", 20.0, 3, 120_000),
    ]
    assert everything == SystemReader(path, every=10).read()


def test_system_samples_are_flattened_and_what_is_no_number_left_out(tmp_path):
    path = tmp_path / "system.jsonl"
    row = {
        "time": 1,
        "cpu_percent": None,
        "host": "gpu-box",
        "throttled": True,
        "memory": {"used": 5, "bad": math.nan},
        "gpus": [{"index": 3, "power_watts": 70.5}, {"power_watts": 60}, "odd"],
    }
    path.write_text("nonsense\n[]\n{}\n" + json.dumps(row) + "\n")
    assert {one.name: one.value for one in SystemReader(path, every=1).read()} == {
        "system/memory/used": 5.0,
        "system/gpu/3/power_watts": 70.5,
        "system/gpu/1/power_watts": 60.0,
    }
