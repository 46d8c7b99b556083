"""The page: one file, well formed, inert, and with everything in it."""

from html.parser import HTMLParser

import pytest

from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.html import exit_meaning, web_link
from mlops_ci.reporting.page import write_page
from support.report_outputs import digest
from support.report_run import AGAIN, HOSTILE, VARIANTS, make_run

EMPTY = {"meta", "link", "br", "img", "hr", "input"}
ALLOWED = set(
    """
    html head meta title link style body header main footer nav section div span dl dt dd h1 h2 h3 p a b i small strong
    code pre table thead tbody tr th td details summary figure figcaption svg desc path text tspan circle
    """.split()  # noqa: SIM905  # reads better than forty quoted words
)


class Reader(HTMLParser):
    """Collects tags, attributes and text, and fails on a tag that is not closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.words, self.ids = [], set(), [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in EMPTY:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> without a beginning"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)


def read(folder, target):
    page, _ = write_page(ReportData.read(folder), target)
    reader = Reader()
    reader.feed(page.read_text())
    reader.close()
    assert reader.open == []
    return reader, " ".join(" ".join(reader.words).split()), page


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_kind_of_run_has_a_well_formed_page_that_loads_nothing(tmp_path, variant):
    reader, _, page = read(make_run(tmp_path, variant), tmp_path / "out")
    assert reader.tags <= ALLOWED
    assert len(reader.ids) == len(set(reader.ids))
    for tag, name, value in reader.attributes:
        assert not name.startswith("on")
        assert name not in ("src", "srcset", "action", "formaction", "poster", "data", "background")
        if name == "href":
            assert value.startswith("#") or value == "data:," or (tag == "a" and value.startswith("https://"))
        if name == "href" and value.startswith("#"):
            assert value[1:] in reader.ids
        assert name != "style" or "url(" not in value
    text = page.read_text()
    assert "@import" not in text
    assert "default-src 'none'" in text
    assert page.stat().st_size < 150_000


def test_a_promoted_model(tmp_path):
    _, words, _ = read(make_run(tmp_path), tmp_path)
    for wanted in (
        "fashion-classifier version 7 is now the champion",
        "CPU run: no figure here says anything about a GPU",
        "15 min 19 s",
        "accuracy decides 0.9142 0.9018 +0.0124",
        "preempted 12 1 min 36 s from scratch",
        "from the checkpoint of step 240",
        "148 debian, 61 python packages",
        "8 h 57 min old at the scan",
        "CRITICAL 1 0 0 1",
        f"{digest('vision')[:12]} 2.1 GB 1 min 32 s",
        "2 of 1814 metric points were not accepted",
        digest("manifest"),
        digest("commit")[:40],
        "pytest -q tests",
        "70004 files, 31.4 MB",
        "mean CPU 661 % of a core",
        "0.0041 to 0.0209",
        "6 uploaded, 3 reused",
    ):
        assert wanted in words


def test_passed_checks_are_folded_and_the_others_are_not(tmp_path):
    page, _ = write_page(ReportData.read(make_run(tmp_path, "gpu")), tmp_path)
    text = page.read_text()
    folded = text[text.index("6 checks passed</summary>") :]
    assert "gpu.leftover.0" not in folded
    assert "numerics.exact.cpu" in folded
    assert "1.3 GB" in text
    assert "612 W" in text
    assert "63 °C" in text
    assert "CPU run" not in text


def test_a_failure_says_class_code_cause_next_step_and_how_to_go_on(tmp_path):
    _, words, _ = read(make_run(tmp_path, "failed"), tmp_path)
    for wanted in (
        "train failed (exit 20, user-code)",
        "20: The user's own code failed. Nobody retries.",
        "a lower learning rate or gradient clipping may help",
        *AGAIN,
        'raise FloatingPointError("loss is nan at step 301")',
        "last nan, 40 not finite",
        "evaluate – not run",
    ):
        assert wanted in words


def test_not_scanned_is_loud(tmp_path):
    _, words, _ = read(make_run(tmp_path, "not-scanned"), tmp_path)
    assert "NOT SCANNED FOR VULNERABILITIES the database could not be downloaded" in words
    assert "No vulnerability database was used." in words


def test_foreign_text_is_shown_and_does_nothing(tmp_path):
    reader, words, _ = read(make_run(tmp_path, "hostile"), tmp_path)
    assert words.count("<script>alert(1)</script>") > 40
    assert "script" not in reader.tags
    assert "javascript:alert(1)" in words
    assert not any(value.startswith("javascript") for _, name, value in reader.attributes if name == "href")
    assert "\u202e" not in words
    assert "\x1b" not in words
    assert HOSTILE.split(" ", 1)[0] in words


def test_a_very_long_text_does_not_fill_the_page(tmp_path):
    folder = make_run(tmp_path, "failed")
    path = folder / "records" / "train.json"
    path.write_text(path.read_text().replace("gradient clipping", "gradient " + "x" * 1_000_000))
    page, summary = write_page(ReportData.read(folder), tmp_path)
    assert page.stat().st_size < 100_000
    assert summary.stat().st_size < 20_000


def test_writing_again_replaces_the_page_and_leaves_nothing_else(tmp_path):
    data, folder = ReportData.read(make_run(tmp_path)), tmp_path / "report"
    folder.mkdir()
    (folder / "index.html").write_text("old")
    assert write_page(data, folder) == write_page(data, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["index.html", "summary.md"]
    assert (folder / "index.html").read_text().endswith("</html>")


def test_exit_codes_are_explained():
    assert exit_meaning(12).startswith("Preempted")
    assert exit_meaning(99) == "unknown"


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("https://git.example.org/x", True),
        ("http://127.0.0.1:5000", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//example.org", False),
        ("https://[", False),
    ],
)
def test_only_web_addresses_become_links(address, good):
    assert web_link(address) is good
