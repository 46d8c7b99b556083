"""What a resumed training will log again is dropped before it starts."""

import tracemalloc

from mlops_ci.training.metrics import LatestMetrics, drop_after, resume_step


def test_points_after_the_checkpoint_are_dropped(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 3}\n{"step": 2, "loss": 2}\n{"step": 3, "loss": 1}\n')
    assert drop_after(path, 2) == 2
    assert path.read_text() == '{"step": 1, "loss": 3}\n{"step": 2, "loss": 2}\n'


def test_without_a_checkpoint_all_points_go(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 0, "loss": 3}\n')
    assert drop_after(path, None) == 0
    assert path.read_text() == ""
    assert drop_after(tmp_path / "absent.jsonl", 3) == 0


def test_half_a_line_and_garbage_go(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1, "loss": 3}\n\xff\xfe\n{"loss": 2}\n{"step": "x"}\n{"step": 1, "lo')
    assert drop_after(path, 5) == 2
    assert path.read_text() == '{"step": 1, "loss": 3}\n{"loss": 2}\n'


def test_a_step_counts_as_everybody_reads_it(tmp_path):
    """A whole number with a point is one, and a line without a step has that of its place."""
    path = tmp_path / "metrics.jsonl"
    lines = ['{"step": 1.0, "f1": 3}', '{"loss": 2}', '{"loss": 1, "f1": 2}', '{"step": 3.0, "f1": 1}', '{"loss": 0}']
    path.write_text("\n".join(lines))
    assert drop_after(path, 2) == 3
    assert path.read_text().splitlines() == lines[:3]


def test_a_long_file_is_not_held_in_memory(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(f'{{"step": {step}, {" " * 10_000} "loss": 1}}\n' for step in range(2000)))
    tracemalloc.start()
    try:
        assert drop_after(path, 999) == 1000
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    assert path.stat().st_size > 10_000_000


def test_the_step_comes_from_the_pointer(tmp_path):
    assert resume_step(tmp_path) is None
    (tmp_path / "latest.json").write_text('{"step": 7, "path": "a"}')
    assert resume_step(tmp_path) == 7
    (tmp_path / "latest.json").write_text('{"step": "seven"}')
    assert resume_step(tmp_path) is None
    (tmp_path / "latest.json").write_text("{")
    assert resume_step(tmp_path) is None


def test_the_latest_metrics_in_words_as_the_file_grows(tmp_path):
    path = tmp_path / "metrics.jsonl"
    latest = LatestMetrics(path)
    assert latest() == ""
    path.write_text('{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.12345678, "accuracy": 1}\n{"step": 3, "lo')
    assert latest() == "step 2, loss 0.1235, accuracy 1"
    with path.open("a") as file:
        file.write('ss": NaN}\ngarbage\n')
    assert latest() == "step 3, loss nan, accuracy 1"
    path.unlink()
    assert latest() == "step 3, loss nan, accuracy 1"
