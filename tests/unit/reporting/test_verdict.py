"""The one word, the one line and the next step, for every way a run can end."""

import json

import pytest

from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.lineage import commit_to_model, facts
from mlops_ci.reporting.notices import CPU, NOT_SCANNED, notices, warnings
from mlops_ci.reporting.timeline import timeline
from mlops_ci.reporting.verdict import verdict
from support.report_outputs import RUN, digest
from support.report_run import make_run


def change(folder, stage, **fields):
    path = folder / "records" / f"{stage}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize(
    ("variant", "kind", "title", "next_step"),
    [
        ("promoted", "promoted", "fashion-classifier version 7 is now the champion", ""),
        ("first", "promoted", "fashion-classifier version 1 is now the champion", ""),
        ("kept", "kept", "version 6 stays the champion; fashion-classifier version 7 is a candidate", ""),
        ("waiting", "waiting", "fashion-classifier version 7 waits for a human", f"mlops-ci approve {RUN}"),
        ("failed", "failed", "train failed (exit 20, user-code)", "lower learning rate"),
        ("rejected", "rejected", "the new model was rejected, nothing was published", "train longer or better"),
        ("findings", "failed", "scan failed (exit 1, findings)", "update the package"),
        ("built-only", "unfinished", "not finished: check is done, scan has not run", f"mlops-ci run --run {RUN}"),
    ],
)
def test_how_a_run_ended(tmp_path, variant, kind, title, next_step):
    found = verdict(ReportData.read(make_run(tmp_path, variant)))
    assert (found.kind, found.title) == (kind, title)
    assert next_step in found.next_step


def test_a_cancelled_run_is_no_failure(tmp_path):
    folder = make_run(tmp_path, "failed")
    change(folder, "train", reason="cancelled", exit_code=130)
    assert verdict(ReportData.read(folder)).kind == "cancelled"


def test_an_approved_promotion_says_who(tmp_path):
    folder = make_run(tmp_path)
    outputs = {"alias": "champion", "from": "6", "to": "7", "approved_by": "a reviewer"}
    change(folder, "promote", outputs=outputs)
    assert verdict(ReportData.read(folder)).title.endswith("champion, approved by a reviewer")


def test_a_failure_counts_before_what_later_stages_left_in_an_earlier_attempt(tmp_path):
    folder = make_run(tmp_path)
    later = {"started_at": "2026-11-23T01:00:00.000Z", "finished_at": "2026-11-23T01:01:00.000Z"}
    change(folder, "train", status="failed", exit_code=10, reason="the engine died", attempt=3, **later)
    data = ReportData.read(folder)
    assert verdict(data).title == "train failed (exit 10)"
    assert [line.name for line in timeline(data) if line.earlier] == ["evaluate", "publish", "promote"]


def test_stages_that_did_not_run_are_said_to_be_so(tmp_path):
    lines = timeline(ReportData.read(make_run(tmp_path, "failed")))
    assert [line.mark for line in lines] == ["✓"] * 6 + ["✗"] + ["-"] * 4
    assert [line.status for line in lines[-4:]] == ["not run"] * 4
    assert max(line.share for line in lines) == 1.0


def test_a_skipped_scan_is_loud_and_no_tick(tmp_path):
    data = ReportData.read(make_run(tmp_path, "not-scanned"))
    loudest = notices(data)[0]
    assert (loudest.level, loudest.text) == ("caution", NOT_SCANNED)
    assert loudest.why == "the database could not be downloaded: connection refused"
    assert next(line.mark for line in timeline(data) if line.name == "scan") == "-"
    assert warnings(data) == ()


def test_a_model_without_any_scan_is_loud(tmp_path):
    folder = make_run(tmp_path)
    (folder / "records" / "scan.json").unlink()
    assert notices(ReportData.read(folder))[0].why == "this run has no scan"


def test_a_scan_that_could_not_be_made_is_loud(tmp_path):
    folder = make_run(tmp_path)
    error = {"class": "database-missing", "cause": "no database", "hint": ""}
    change(folder, "scan", status="failed", exit_code=4, outputs={}, error=error)
    found = notices(ReportData.read(folder))[0]
    assert (found.text, found.why) == (NOT_SCANNED, "no database")


def test_a_scan_that_is_still_to_come_is_not_missed(tmp_path):
    assert NOT_SCANNED not in [one.text for one in notices(ReportData.read(make_run(tmp_path, "built-only")))]


def test_cpu_is_said_and_a_gpu_run_says_nothing_of_it(tmp_path):
    assert CPU in [one.text for one in notices(ReportData.read(make_run(tmp_path / "a")))]
    assert notices(ReportData.read(make_run(tmp_path / "b", "gpu"))) == ()


def test_a_gpu_variant_that_trained_on_the_cpu_is_a_cpu_run(tmp_path):
    folder = make_run(tmp_path, "gpu")
    outputs = json.loads((folder / "records" / "train.json").read_text())["outputs"]
    change(folder, "train", outputs={**outputs, "devices": ["cpu"]})
    (notice,) = notices(ReportData.read(folder))
    assert notice.text == CPU
    assert notice.why == "the variant is cu128, but the training used no GPU"


def test_uncommitted_changes_are_said(tmp_path):
    found = notices(ReportData.read(make_run(tmp_path, "dirty")))[-1]
    assert found.text == "the working tree had uncommitted changes"
    assert digest("diff")[:12] in found.why


def test_the_way_from_commit_to_model_ends_with_publish(tmp_path):
    data = ReportData.read(make_run(tmp_path))
    assert commit_to_model(data) == pytest.approx(918.6, abs=0.1)
    assert "15 min 19 s" in [fact.value for fact in facts(data)]
    for other in ("rejected", "dirty"):
        assert commit_to_model(ReportData.read(make_run(tmp_path / other, other))) is None


def test_a_broken_commit_time_is_no_way(tmp_path):
    folder = make_run(tmp_path)
    text = (folder / "run.json").read_text().replace("2026-11-22T04:06:41+01:00", "yesterday")
    (folder / "run.json").write_text(text)
    assert commit_to_model(ReportData.read(folder)) is None


def skip(folder, *stages, reason):
    for stage in stages:
        change(folder, stage, status="skipped", reason=reason, outputs={})


def test_a_night_without_news_is_neither_kept_nor_unscanned(tmp_path):
    folder = make_run(tmp_path)
    work = ("build", "check", "scan", "prepare", "verify", "train", "evaluate", "publish", "promote")
    skip(folder, *work, reason="nothing is new since run r: same data and code")
    data = ReportData.read(folder)
    found = verdict(data)
    assert (found.kind, found.title) == ("skipped", "nothing was trained")
    assert "nothing is new since run r" in found.reason
    assert NOT_SCANNED not in [one.text for one in notices(data)]


def test_a_champion_that_was_only_scored_holds(tmp_path):
    folder = make_run(tmp_path, "kept")
    skip(folder, "check", "scan", "verify", "train", "publish", "promote", reason="evaluate only")
    found = verdict(ReportData.read(folder))
    assert (found.kind, found.title) == ("kept", "champion version 6 holds")
