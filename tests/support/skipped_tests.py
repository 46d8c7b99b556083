"""A skipped test always says why; with MLOPS_CI_TESTS_REQUIRE_ALL=1 it fails, unless it needs a GPU."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

REQUIRE_ALL = "MLOPS_CI_TESTS_REQUIRE_ALL"
NVIDIA_CONTROL = Path("/dev/nvidiactl")
_require_all = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """Show the reasons of skips, whatever reports the command line asks for."""
    config.stash[_require_all] = os.environ.get(REQUIRE_ALL) == "1"
    config.addinivalue_line("markers", "gpu: needs an NVIDIA GPU; skipped where there is none")
    if not set(config.option.reportchars) & set("saA"):
        config.option.reportchars += "s"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a GPU where there is none."""
    if item.get_closest_marker("gpu") and not NVIDIA_CONTROL.exists():
        pytest.skip(f"needs an NVIDIA GPU, and this machine has no {NVIDIA_CONTROL}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of a test into a failure where nothing may be skipped. An expected failure is no skip."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and not item.get_closest_marker("gpu"):
        _fail_if_required(item.config, report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole module that skips itself."""
    report = yield
    if report.skipped:
        _fail_if_required(collector.config, report)
    return report


def _fail_if_required(config: pytest.Config, report: pytest.TestReport | pytest.CollectReport) -> None:
    if config.stash[_require_all]:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{REQUIRE_ALL}=1 allows no skip but for a GPU. {reason}"
