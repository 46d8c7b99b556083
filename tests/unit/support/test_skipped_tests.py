from __future__ import annotations

import pytest

from support import skipped_tests

TESTS = """
import pytest

def test_passes():
    pass

def test_skips():
    pytest.skip("no engine")

@pytest.mark.gpu
def test_on_gpu():
    pass

@pytest.mark.xfail(reason="known", strict=True)
def test_expected_failure():
    assert 0
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch, tmp_path) -> pytest.Pytester:
    monkeypatch.setattr(skipped_tests, "NVIDIA_CONTROL", tmp_path / "nvidiactl")
    pytester.makepyfile(test_some=TESTS)
    return pytester


def run(project: pytest.Pytester) -> pytest.RunResult:
    return project.runpytest_inprocess("-p", "support.skipped_tests")


def test_skips_are_shown_with_their_reasons(project: pytest.Pytester) -> None:
    result = run(project)
    result.assert_outcomes(passed=1, skipped=2, xfailed=1)
    result.stdout.fnmatch_lines(["SKIPPED*no engine", "SKIPPED*needs an NVIDIA GPU*"], consecutive=False)


def test_where_all_is_required_only_a_gpu_excuses(project: pytest.Pytester, monkeypatch) -> None:
    monkeypatch.setenv(skipped_tests.REQUIRE_ALL, "1")
    result = run(project)
    result.assert_outcomes(passed=1, failed=1, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(["*allows no skip but for a GPU*no engine*"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_module_that_skips_itself_counts_too(pytester: pytest.Pytester, monkeypatch) -> None:
    pytester.makepyfile(test_module="import pytest\npytest.importorskip('no_such_module_here')\n")
    assert run(pytester).ret == pytest.ExitCode.NO_TESTS_COLLECTED
    monkeypatch.setenv(skipped_tests.REQUIRE_ALL, "1")
    assert run(pytester).ret == pytest.ExitCode.INTERRUPTED


def test_a_gpu_test_runs_where_there_is_a_gpu(project: pytest.Pytester) -> None:
    skipped_tests.NVIDIA_CONTROL.touch()
    run(project).assert_outcomes(passed=2, skipped=1, xfailed=1)
