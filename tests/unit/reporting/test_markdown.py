"""The summary: complete, short, and nobody else's Markdown."""

import html
import math
import re

import pytest

from mlops_ci.providers.budget import fit
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.markdown import summary
from mlops_ci.reporting.markup import preformatted, text
from mlops_ci.reporting.mermaid import xychart
from mlops_ci.reporting.series import Series
from support.report_outputs import RUN, digest
from support.report_run import AGAIN, HOSTILE, VARIANTS, make_run

OURS = {"details", "summary", "b", "code", "pre"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_kind_of_run_has_a_summary_with_the_verdict_first(tmp_path, variant):
    written = summary(ReportData.read(make_run(tmp_path, variant)))
    assert written.startswith("### ")
    assert re.findall(r"^#{1,2} ", written, re.MULTILINE) == []
    assert set(re.findall(r"</?([a-zA-Z]+)", written)) <= OURS
    assert written.count("<details>") == written.count("</details>")
    assert "<br" not in written
    assert not re.search(r"<details>(?:(?!</details>).)*<details>", written, re.DOTALL)
    assert len(written.encode()) < 20_000


def test_a_table_has_the_same_number_of_cells_in_every_row(tmp_path):
    written = summary(ReportData.read(make_run(tmp_path, "hostile")))
    for block in written.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1


def test_what_was_promoted_and_what_it_is_measured_on(tmp_path):
    written = summary(ReportData.read(make_run(tmp_path)))
    assert "Promoted: fashion-classifier version 7 is now the champion" in written
    assert "CPU run: no figure here says anything about a GPU" in written
    assert "| **accuracy** | 0.9142 | 0.9018 | +0.0124 |" in written
    assert "NOT SCANNED" not in written
    assert digest("manifest") in written


def test_retries_and_resumes_of_the_training_are_told_apart(tmp_path):
    assert "Starts of the training: 2 (1 resume)" in summary(ReportData.read(make_run(tmp_path, "promoted")))


def test_a_skipped_scan_is_loud(tmp_path):
    written = summary(ReportData.read(make_run(tmp_path, "not-scanned")))
    assert "> [!CAUTION]\n> **NOT SCANNED FOR VULNERABILITIES**: the database" in written
    assert written.index("NOT SCANNED") < written.index("| stage |")


def test_a_failure_says_the_next_step_and_shows_the_log(tmp_path):
    written = summary(ReportData.read(make_run(tmp_path, "failed")))
    assert "**Next step:** a lower learning rate" in written
    assert "FloatingPointError(&#34;loss is nan at step 301&#34;)" in written
    assert written.index("Next step") < written.index("| stage |")


def test_a_failure_can_be_pasted_as_it_is(tmp_path):
    written = summary(ReportData.read(make_run(tmp_path, "failed")))
    block = re.search(r"\*\*Again, on your machine:\*\*\n\n<pre>\n(.*?)\n</pre>", written, re.DOTALL)[1]
    assert html.unescape(block).splitlines() == list(AGAIN)


def test_a_waiting_run_says_how_to_approve(tmp_path):
    assert f"mlops-ci approve {RUN}" in summary(ReportData.read(make_run(tmp_path, "waiting")))


@pytest.mark.parametrize(
    "words", [HOSTILE, "# head", "1. list", "- item", "a\n\n# b", "&lt;b&gt;", "```", "@someone", ""]
)
def test_foreign_text_stays_text(words):
    escaped = text(words, 0)
    assert not re.search(r"[\\`*_\[\]{}|~$<>\"']", escaped)
    assert re.fullmatch(r"(?:[^&]|&#\d+;)*", escaped)
    assert "\n" not in escaped
    assert not re.search(r"(?<!\w)[@#]\w", re.sub(r"&#\d+;", "", escaped))


def test_escaped_text_reads_as_it_was():
    words = "loss_1 | `x` <b> a@b.example 50% $5"
    assert html.unescape(text(words)) == words


def test_a_log_cannot_end_its_own_block():
    block = preformatted(["</pre></details>", "", "```", "@someone"])
    assert block.count("</pre>") == 1
    assert "</details>" not in block


def test_a_summary_within_a_budget_loses_folded_parts_only(tmp_path):
    written = summary(ReportData.read(make_run(tmp_path, "failed")))
    short = fit(written, 3_000)
    assert len(short.encode()) <= 3_000
    assert "Next step" in short
    assert "| ❌ | train |" in short
    assert short.count("<details>") == short.count("</details>")


def curve(points, name="loss"):
    return xychart(Series(name=name, points=tuple(points), count=len(points)))


def test_a_curve_is_drawn_in_plain_numbers():
    drawn = curve([(step, math.exp(-step / 100) * 1e-5) for step in range(1_000)])
    assert drawn.startswith("```mermaid\n%%{init")
    assert '    x-axis "step" 0 --> 999' in drawn
    values = re.search(r"line \[(.*)\]", drawn).group(1).split(", ")
    assert len(values) == 40
    assert all(re.fullmatch(r"-?\d+(\.\d+)?", value) for value in values)
    assert float(values[0]) == pytest.approx(1e-5)


@pytest.mark.parametrize(
    "points",
    [
        [],
        [(1, 1.0)],
        [(1, 1.0), (2, math.nan)],
        [(1, 1.0), (2, 1e300)],
        [(1, math.inf), (2, 1.0)],
    ],
)
def test_what_cannot_be_drawn_is_left_out(points):
    assert curve(points) == ""


def test_gaps_are_bridged():
    assert "line [1, 2, 3]" in curve([(0, 1.0), (1, math.nan), (2, 2.0), (4, 3.0)])


def test_a_name_cannot_leave_its_quotes():
    drawn = curve([(0, 1.0), (1, 2.0)], name=f'a"] %% ; {HOSTILE}')
    axis = next(line for line in drawn.splitlines() if "y-axis" in line)
    assert axis.count('"') == 2
    assert not set(axis.split('"')[1]) & set("<>%;`|[]{}")
