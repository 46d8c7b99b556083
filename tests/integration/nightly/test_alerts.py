"""The alert rules by Prometheus' own tool, and the metrics that they read by ours."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlops_ci.nightly import prometheus
from mlops_ci.nightly.stamps import Ended, Memory, Started
from mlops_ci.nightly.status import STATES, Status
from support.fixtures_testbed import found_or_skip
from support.testbed import system_packages

ROOT = Path(__file__).parents[3]
RULES = ROOT / "ci" / "prometheus" / "mlops-ci-nightly.rules.yml"
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.fixture
def promtool():
    found = found_or_skip(system_packages.find("promtool"), "promtool")

    def run(*arguments, **options):
        return subprocess.run([found, *arguments], capture_output=True, text=True, check=False, **options)

    return run


def metrics():
    at = "2026-11-25T02:05:00.000Z"
    ended = Ended(run="r", started_at=at, at=at, result="passed", exit_code=0)
    memory = Memory(started=Started(run="r", at=at, host="h"), ended=ended, succeeded=ended)
    status = Status(state="on time", why="", expected_at=at, next_at=at)
    return prometheus.text("digits", "nightly", status, memory, NOW)


def test_the_rules_are_valid_and_fire_when_they_should(promtool):
    checked = promtool("check", "rules", str(RULES))
    assert checked.returncode == 0, checked.stderr
    played = promtool("test", "rules", str(Path(__file__).with_name("alerts.yml")))
    assert played.returncode == 0, played.stdout + played.stderr


def test_the_metrics_are_valid(promtool):
    checked = promtool("check", "metrics", input=metrics())
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_the_rules_read_metrics_and_states_that_exist():
    text = RULES.read_text()
    names = set(re.findall(r"mlops_ci_nightly_[a-z_]+", text))
    assert names
    assert names <= set(re.findall(r"^# TYPE (\S+)", metrics(), re.MULTILINE))
    states = {one for found in re.findall(r'state=~?"([^"]+)"', text) for one in found.split("|")}
    assert states
    assert states <= {*STATES, prometheus.UNKNOWN}
