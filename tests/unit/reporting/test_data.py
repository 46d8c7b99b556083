"""What is read from a run's directory, and what happens when pieces are missing or damaged."""

import json
import math

from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.page import write_page
from mlops_ci.reporting.terminal import page_text
from support.report_outputs import RUN
from support.report_run import make_run, metric_lines, write_lines


def test_a_whole_run_is_read_without_a_problem(tmp_path):
    data = ReportData.read(make_run(tmp_path))
    assert data.problems == ()
    assert data.info.run == RUN
    assert list(data.records)[-1] == "promote"
    assert [series.name for series in data.metrics] == ["train_loss", "lr", "val_loss", "val_accuracy"]
    assert [one.name for one in data.usage] == ["train", "evaluate (challenger)", "evaluate (champion)"]
    assert data.outputs.publish.model.version == "7"


def test_the_report_does_not_report_on_itself(tmp_path):
    folder = make_run(tmp_path)
    record = json.loads((folder / "records" / "plan.json").read_text())
    (folder / "records" / "report.json").write_text(json.dumps({**record, "stage": "report", "status": "failed"}))
    assert "report" not in ReportData.read(folder).records


def test_an_empty_directory_is_named_and_still_gives_a_page(tmp_path):
    data = ReportData.read(tmp_path)
    assert len(data.problems) == 1
    assert data.problems[0].startswith("run.json")
    assert "UNFINISHED" in page_text(data)
    page, summary = write_page(data, tmp_path)
    assert "run.json" in page.read_text()
    assert "run.json" in summary.read_text()


def test_damaged_pieces_are_named_and_the_others_are_used(tmp_path):
    folder = make_run(tmp_path)
    (folder / "records" / "scan.json").write_text('{"schema": "mlops-ci/rec')
    (folder / "records" / "verify.json").write_bytes(b"\xff\xfe\x00")
    evaluate = json.loads((folder / "records" / "evaluate.json").read_text())
    (folder / "records" / "evaluate.json").write_text(json.dumps({**evaluate, "outputs": {"verdict": "maybe"}}))
    data = ReportData.read(folder)
    assert [problem.split(":")[0] for problem in data.problems] == [
        "records/scan.json",
        "records/verify.json",
        "records/evaluate.json",
    ]
    assert "scan" not in data.records
    assert data.outputs.evaluate is None
    assert data.outputs.train is not None
    for path in write_page(data, tmp_path):
        assert "records/scan.json" in path.read_text()
    assert "! records/scan.json" in page_text(data)


def test_without_run_json_the_records_say_which_engine_it_was(tmp_path):
    folder = make_run(tmp_path, "not-scanned")
    (folder / "run.json").unlink()
    data = ReportData.read(folder)
    assert (data.info.engine, data.info.variant, data.info.provider) == ("host", "cpu", "local")
    assert "engine host" in page_text(data)


def test_garbage_lines_of_metrics_are_counted_and_left_out(tmp_path):
    folder = make_run(tmp_path)
    lines = [
        '{"time": 1, "step": 1, "loss": 3.0}',
        "not json",
        "[1, 2]",
        '{"time": 1, "loss": 3.0}',
        '{"time": 1, "step": "two", "loss": 3.0}',
        '{"time": 1, "step": true, "loss": 3.0}',
        '{"time": 2, "step": 2, "loss": NaN, "note": "text", "flag": true}',
        '{"time": 3, "step": 3, "loss": null}',
        '{"time": 4, "step": 4, "loss": Infinity}',
        "",
        '{"time": 5, "step": 5, "lo',
    ]
    (folder / "train" / "job" / "metrics.jsonl").write_bytes("\n".join(lines).encode() + b"\n\xff\xff\n")
    data = ReportData.read(folder)
    assert data.problems == ("train/job/metrics.jsonl: 7 lines not understood and left out",)
    (loss,) = data.metrics
    assert [x for x, _ in loss.points] == [1, 2, 3, 4]
    assert loss.finite == ((1.0, 3.0),)
    assert loss.gaps == (2, 3, 4)


def test_of_two_values_at_one_step_the_later_counts(tmp_path):
    folder = make_run(tmp_path)
    lines = [{"step": step, "loss": value} for step, value in ((1, 5.0), (3, 1.0), (2, 4.0), (1, 2.0))]
    write_lines(folder / "train" / "job" / "metrics.jsonl", lines)
    (loss,) = ReportData.read(folder).metrics
    assert loss.points == ((1.0, 2.0), (2.0, 4.0), (3.0, 1.0))
    assert loss.count == 4


def test_huge_numbers_and_very_many_metrics_do_no_harm(tmp_path):
    folder = make_run(tmp_path)
    huge = '{"step": 1, "big": 1' + "0" * 400 + "}\n"
    many = json.dumps({"step": 2, **{f"metric {number}": number for number in range(500)}})
    (folder / "train" / "job" / "metrics.jsonl").write_text(huge + many + "\n")
    data = ReportData.read(folder)
    assert data.metrics[0].last == math.inf
    assert len(data.metrics) == 200
    assert data.problems == ("train/job/metrics.jsonl: 301 metrics beyond the first 200 were left out",)


def test_a_metrics_file_that_cannot_be_opened_is_named(tmp_path):
    folder = make_run(tmp_path)
    path = folder / "train" / "job" / "metrics.jsonl"
    path.unlink()
    path.mkdir()
    (problem,) = ReportData.read(folder).problems
    assert problem.startswith("train/job/metrics.jsonl: not readable: ")


def test_a_pause_between_attempts_is_a_gap_in_the_samples(tmp_path):
    train = ReportData.read(make_run(tmp_path)).usage[0]
    (gap,) = train.memory.gaps
    assert 89 < gap < 151
    assert train.seconds == 239
    assert 1.8e9 < train.peak_memory < 1.9e9
    assert 500 < train.mean_cpu < 700


def test_gpus_are_read_one_by_one(tmp_path):
    train = ReportData.read(make_run(tmp_path, "gpu")).usage[0]
    assert [gpu.index for gpu in train.gpus] == [0, 1]
    assert set(train.gpus[0].fields) == {"utilization_percent", "memory_bytes", "power_watts", "temperature_c"}


def test_samples_with_wrong_types_are_tolerated(tmp_path):
    folder = make_run(tmp_path)
    lines = [
        {"time": "noon", "cpu_percent": 1.0},
        {"time": 10.0, "cpu_percent": "many", "memory_bytes": 5, "gpus": "none"},
        {"time": 11.0, "gpus": [3, {"index": "a"}, {"index": 0, "memory_bytes": None}]},
        {"time": 12.0, "memory_bytes": 7, "gpus": None},
    ]
    write_lines(folder / "train" / "job" / "system.jsonl", lines)
    data = ReportData.read(folder)
    assert data.problems == ("train/job/system.jsonl: 1 line not understood and left out",)
    assert data.usage[0].memory.points == ((0.0, 5.0), (2.0, 7.0))
    assert data.usage[0].gpus == ()


def test_a_long_run_is_kept_small_in_memory(tmp_path):
    folder = make_run(tmp_path)
    lines = [{"step": step, "loss": 1.0 if step != 33_333 else 99.0} for step in range(90_000)]
    write_lines(folder / "train" / "job" / "metrics.jsonl", lines)
    (loss,) = ReportData.read(folder).metrics
    assert loss.count == 90_000
    assert len(loss.points) <= 40_000
    assert (33_333.0, 99.0) in loss.points
    assert loss.points[-1][0] == 89_999


def test_the_fixture_looks_like_a_training():
    losses = [line["train_loss"] for line in metric_lines() if "train_loss" in line]
    assert len(losses) == 600
    assert losses[0] > 4 * losses[-1]
