"""The metrics file as the report reads it: damaged, in the wrong order, very long."""

from __future__ import annotations

import json
import math
import tracemalloc

import pytest

from mlops_ci.reporting import jsonlines, series
from mlops_ci.reporting.jsonlines import LineReader
from mlops_ci.reporting.metrics import read_metrics


def written(path, *lines):
    path.write_text("".join(line + "\n" for line in lines))
    return path


def test_half_a_line_costs_that_line_alone(tmp_path):
    path = tmp_path / "m"
    path.write_text('{"step": 1, "loss": 1}\n{"step": 2, "loss": 2}\n{"step": 3, "lo')
    (loss,), problems = read_metrics(path, "metrics.jsonl")
    assert loss.points == ((1.0, 1.0), (2.0, 2.0))
    assert problems == ["metrics.jsonl: 1 line not understood and left out"]


@pytest.mark.parametrize(
    "lines",
    [
        ['{"step": 1', '"loss": 2}'],
        ['{"step": 1, "loss": 2}, {"step": 2, "loss": 3}'],
        ['{"step": 1, "loss": 2}],[{"step": 2, "loss": 3}'],
        ["[1]", "7", "null", '"text"', "[]"],
        ['{"a": "],["}'],
    ],
    ids=["one object on two lines", "two on one line", "what looks like the seam", "no objects", "a seam in a text"],
)
def test_lines_that_are_parsed_together_are_what_they_are_alone(tmp_path, lines):
    alone = [json.loads(line) for line in lines if _object(line)]
    path = written(tmp_path / "m", '{"step": 0, "loss": 1}', *lines, "", '{"step": 9, "loss": 1}')
    reader = LineReader(path)
    assert list(reader) == [{"step": 0, "loss": 1}, *alone, {"step": 9, "loss": 1}]
    assert reader.damaged == len(lines) - len(alone)


def _object(line):
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def test_not_a_number_is_a_gap_and_steps_are_put_in_order(tmp_path):
    path = written(
        tmp_path / "m",
        '{"step": 3, "loss": 3}',
        '{"step": 1, "loss": NaN}',
        '{"step": 2, "loss": null}',
        '{"step": 0, "loss": 0}',
        '{"step": 3, "loss": 4}',
        '{"step": NaN, "loss": 4}',
    )
    (loss,), problems = read_metrics(path, "metrics.jsonl")
    assert [x for x, _ in loss.points] == [0.0, 1.0, 2.0, 3.0]
    assert loss.gaps == (1.0, 2.0)
    assert loss.finite == ((0.0, 0.0), (3.0, 4.0)), "of two values at one step the later one counts"
    assert problems == ["metrics.jsonl: 1 line not understood and left out"]


def test_a_long_file_needs_little_memory(tmp_path, monkeypatch):
    """Smaller limits and a file to match; the real ones are in the bench."""
    monkeypatch.setattr(series, "HELD", 1000)
    monkeypatch.setattr(jsonlines, "BATCH", 1 << 14)
    path = tmp_path / "m"
    with path.open("w") as file:
        for step in range(40_000):
            file.write(f'{{"step":{step},"loss":{math.sin(step / 1000) + (step == 31_234) * 5}}}\n')
    tracemalloc.start()
    (loss,), _ = read_metrics(path, "m")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_500_000
    assert len(loss.points) <= 1000
    assert loss.count == 40_000
    assert max(y for _, y in loss.points) > 4, "a single peak survives"
    assert (loss.points[0][0], loss.points[-1][0]) == (0.0, 39_999.0)
