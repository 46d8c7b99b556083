"""What a resumed training will log again is dropped before it starts."""

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
    assert drop_after(path, 5) == 1


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
