"""How fast a training was, and whether that is slower than before."""

import json

import pytest

from mlops_ci.training.speed import Speed, slower, speed_of


@pytest.fixture
def metrics(tmp_path):
    path = tmp_path / "metrics.jsonl"

    def write(*rows):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


def test_steps_a_second_whatever_pauses_there_were(metrics):
    rows = [{"time": 10 + step * 0.5, "step": step, "loss": 1} for step in range(1, 9)]
    rows[5:] = [{**row, "time": row["time"] + 600} for row in rows[5:]]
    assert speed_of(metrics(*rows)) == Speed(steps=2.0)


def test_several_metrics_of_a_step_are_one_step(metrics):
    rows = [
        {"time": step * 2 + late, "step": step, name: 1} for step in range(5) for name, late in (("a", 0), ("b", 1))
    ]
    assert speed_of(metrics(*rows)).steps == 0.5


def test_examples_a_second_since_the_last_start(metrics):
    first = [{"time": step, "step": step, "examples": 1000 * step} for step in range(1, 5)]
    again = [{"time": 100 + step, "step": step, "examples": 64 * step} for step in range(1, 5)]
    assert speed_of(metrics(*first, *again)).examples == 64.0


@pytest.mark.parametrize("rows", [[], [{"step": 1, "loss": 1}], [{"time": 1, "step": n, "loss": 1} for n in range(9)]])
def test_too_little_tells_nothing(metrics, rows, tmp_path):
    assert speed_of(metrics(*rows)) == Speed()
    assert speed_of(tmp_path) == Speed()


def test_many_points_closer_than_the_clock_are_thinned(metrics):
    rows = [{"time": round(step * 0.0004, 3), "step": step, "loss": 1} for step in range(20_000)]
    assert speed_of(metrics(*rows)).steps == pytest.approx(2500, rel=0.02)


def test_slower_is_told_in_words_and_only_against_enough_others():
    assert slower(7.0, [10.0, 11.0, 9.0]) == "7 a second, 30% less than the median of 3 earlier ones, 10"
    assert slower(8.1, [10.0, 11.0, 9.0]) is None
    assert slower(1.0, [10.0, 11.0]) is None
    assert slower(None, [10.0] * 9) is None
