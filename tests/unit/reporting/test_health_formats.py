"""One verdict in every format."""

from xml.etree import ElementTree as ET

import pytest

from mlops_ci.records.verify import HealthCheck, VerifyOutputs
from mlops_ci.reporting.health import junit, markdown, prometheus, screen

BLOCK = HealthCheck(
    id="remap.pending.cuda:0", status="BLOCK", value=True, limit=False, cause="a row | <b>waits</b>",
    advice="Reset it.", node=True, uuid="GPU-1", evidence="read twice",
)  # fmt: skip
WARN = HealthCheck(
    id="power.limit.cuda:0", status="WARN", value=400.0, limit=700.0, unit="W", cause="capped", advice="x"
)
SKIP = HealthCheck(id="xid.history", status="SKIP", cause="/dev/kmsg: Permission denied")
PASS = HealthCheck(id='odd"\\name', status="PASS", value=1.5, unit="s")


def result(*checks, verdict="unhealthy"):
    return VerifyOutputs(verdict=verdict, checks=checks, devices=("GPU-1",), host="node-a")


def test_the_screen_has_what_matters_first_and_fits():
    lines = screen(result(PASS, SKIP, WARN, BLOCK))
    assert lines[0] == "✗ remap.pending.cuda:0: BLOCK [True / False] a row | <b>waits</b>"
    assert lines[1:3] == ["    do: Reset it. (GPU-1)", "    saw: read twice"]
    assert lines[3].startswith("! power.limit.cuda:0: WARN [400 / 700 W] capped")
    assert "- not observed: xid.history" in lines
    assert lines[-1] == "verdict: unhealthy (1 of 4 checks passed; GPU-1); another node may succeed"


def test_the_screen_says_when_another_node_would_not_help():
    config = HealthCheck(id="torch.build", status="BLOCK", cause="no CUDA", advice="Take cu130.")
    assert "another node would not help" in screen(result(config, BLOCK))[-1]


def test_a_hundred_skipped_checks_still_fit_on_a_screen():
    checks = [HealthCheck(id=f"c{number}", status="SKIP", cause=f"why {number}") for number in range(100)]
    lines = screen(result(*checks, verdict="healthy"))
    assert len(lines) < 10
    assert "and 80 more" in lines[0]


def test_markdown_is_inert():
    text = markdown(result(BLOCK, SKIP))
    assert "<b>" not in text
    assert "&#124;" in text
    assert text.startswith("### Node node-a: unhealthy")
    assert "1 others" in text


def test_junit_has_a_test_per_check():
    root = ET.fromstring(junit(result(PASS, SKIP, WARN, BLOCK)))
    (suite,) = root
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "1", "1")
    assert [[child.tag for child in case] for case in suite] == [[], ["skipped"], ["system-out"], ["failure"]]


def test_prometheus_text_is_what_a_scraper_reads():
    text = prometheus(result(PASS, SKIP, WARN, BLOCK))
    assert 'mlops_ci_node_health{node="node-a",verdict="unhealthy"} 1' in text
    assert 'mlops_ci_node_health{node="node-a",verdict="healthy"} 0' in text
    assert 'mlops_ci_health_checks{node="node-a",status="SKIP"} 1' in text
    assert 'mlops_ci_health_finding{node="node-a",check="remap.pending.cuda:0",gpu="GPU-1"} 2' in text
    assert 'check="odd\\"\\\\name"' in text
    for line in text.splitlines():
        assert line.startswith("# ") or line.rpartition(" ")[2].replace(".", "").isdigit(), line


@pytest.mark.parametrize("form", [junit, markdown, prometheus])
def test_a_look_that_found_nothing_has_every_format(form):
    assert form(result(verdict="healthy")).strip()
