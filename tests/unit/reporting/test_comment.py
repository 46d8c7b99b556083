"""The comment on a pull request."""

from __future__ import annotations

import json
import re

import pytest

from mlops_ci.providers.budget import fit
from mlops_ci.reporting.comment import comment
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.redacted import redacted
from support.report_run import HOSTILE, VARIANTS, make_run

LINKS = {"github": "https://git.example/vision/digits/actions/runs/8123"}
FINDING = {"severity": "HIGH", "package": "openssl", "installed": "3.0.1", "where": "vision"}


def text_of(tmp_path, variant="promoted", findings=None, links=None):
    folder = make_run(tmp_path, variant)
    if findings is not None:
        path = folder / "scan" / "findings.json"
        path.parent.mkdir()
        path.write_text(findings if isinstance(findings, str) else json.dumps(findings))
    return comment(ReportData.read(folder), LINKS if links is None else links)


def test_what_a_reviewer_looks_for_stands_unfolded(tmp_path):
    shown = text_of(tmp_path).partition("<details>")[0]
    for part in (
        "Promoted: fashion-classifier version 7 is now the champion",
        "| **accuracy** | 0.9142 | 0.9018 | +0.0124 |",
        "**Gates:** 4 pass",
        "**Scan:** passed; new since the base image: 1 HIGH, 2 MEDIUM; 1 waived",
        "**Images:** vision 2.1 GB; 1 built, 2 reused",
        "**Time:** 6 min 50 s in stages (train 4 min 4 s",
        f"[github]({LINKS['github']})",
        "CPU run: no figure here says anything about a GPU",
    ):
        assert part in shown


def test_new_findings_are_listed_the_forbidden_first(tmp_path):
    findings = {
        "failing": [{**FINDING, "id": "CVE-2026-0001", "fixed": "3.0.2"}],
        "allowed": [
            {**FINDING, "id": "CVE-2026-0002", "new_since_base": True},
            {**FINDING, "id": "CVE-2026-0003", "new_since_base": False},
        ],
    }
    text = text_of(tmp_path, findings=findings)
    assert "2 findings to look at" in text
    assert text.index("CVE-2026-0001") < text.index("CVE-2026-0002")
    assert "CVE-2026-0003" not in text
    assert "| **not allowed** | HIGH | CVE-2026-0001 | openssl 3.0.1 | 3.0.2 |" in text


def test_of_many_findings_some_are_shown_and_all_counted(tmp_path):
    findings = {"failing": [{**FINDING, "id": f"CVE-{number}"} for number in range(40)]}
    text = text_of(tmp_path, findings=findings)
    assert "40 findings to look at" in text
    assert "and 25 more on the page" in text


@pytest.mark.parametrize("damage", ["{cut", "[]", "3", '{"failing": 3, "allowed": [3]}'])
def test_a_damaged_list_is_no_crash(tmp_path, damage):
    assert "findings to look at" not in text_of(tmp_path, findings=damage)


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_every_end_of_a_run_has_a_comment(tmp_path, variant):
    text = text_of(tmp_path, variant)
    assert text.startswith("### ")
    assert text.count("<details>") == text.count("</details>")
    assert len(fit(text, 65_536).encode()) <= 65_536


def test_nothing_in_a_run_can_write_markup(tmp_path):
    text = text_of(tmp_path, "hostile", findings={"failing": [dict.fromkeys(("id", "package", "severity"), HOSTILE)]})
    assert "<script" not in text
    assert "](javascript" not in text
    assert re.findall(r"@\w", text) == []


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://x/)[y](https://evil.invalid", "https://x/ y", "", "https://x/<b>"]
)
def test_what_is_no_plain_address_is_no_link(tmp_path, url):
    assert "The whole page" not in text_of(tmp_path, links={"github": url})


def test_secrets_are_taken_out_before_their_signs_are_escaped(tmp_path):
    folder = make_run(tmp_path, "failed")
    path = folder / "records" / "train.json"
    path.write_text(path.read_text().replace("gradient clipping", "my_secret*value"))
    data = redacted(ReportData.read(folder), lambda text: text.replace("my_secret*value", "***"))
    text = comment(data, LINKS)
    assert "value" not in text
    assert "my&#95;secret" not in text
    assert "&#42;&#42;&#42; may help" in text
