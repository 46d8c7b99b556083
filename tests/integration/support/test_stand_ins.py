"""The stand-ins for third-party actions refuse what the real ones would not do: a workflow that asks for it fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "support" / "actions" / "stand_in.py"
CHECKOUT = {"REPOSITORY": "org/mlops-ci", "REF": "v1", "PATH": ".mlops/bundle", "PERSIST_CREDENTIALS": "false"}
UPLOAD = {
    "NAME": "mlops-train-plan-1",
    "PATH": "out",
    "IF_NO_FILES_FOUND": "warn",
    "INCLUDE_HIDDEN_FILES": "true",
    "RETENTION_DAYS": "14",
}
DOWNLOAD = {"NAME": "", "PATTERN": "mlops-*", "PATH": "in", "RUN_ID": "", "GITHUB_TOKEN": ""}
ALERTS = {"SARIF_FILE": "scan.sarif", "CATEGORY": "mlops-ci"}


@pytest.fixture
def call(tmp_path: Path):
    workspace, kept = tmp_path / "workspace", tmp_path / "state" / "artifacts"
    (workspace / "out").mkdir(parents=True)
    (workspace / "out" / "file").write_text("x")
    (workspace / "scan.sarif").write_text('{"version": "2.1.0"}')
    (kept / "mlops-there").mkdir(parents=True)

    def run(action: str, inputs: dict[str, str]) -> subprocess.CompletedProcess[str]:
        around = {
            "PATH": os.environ["PATH"],
            "GITHUB_WORKSPACE": str(workspace),
            "STAND_IN_ARTIFACTS": str(kept),
            "STAND_IN_REPOSITORIES": str(tmp_path / "repositories"),
            **{f"IN_{name}": value for name, value in inputs.items()},
        }
        argv = [sys.executable, str(SCRIPT), action]
        return subprocess.run(argv, env=around, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize(("action", "inputs"), [("upload", UPLOAD), ("download", DOWNLOAD), ("alerts", ALERTS)])
def test_what_the_real_one_does_they_do(call, action: str, inputs: dict[str, str]) -> None:
    done = call(action, inputs)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("action", "inputs", "words"),
    [
        ("checkout", {**CHECKOUT, "PERSIST_CREDENTIALS": "true"}, "the token would stay"),
        ("checkout", {**CHECKOUT, "REF": ""}, "would take the caller's own"),
        ("checkout", {**CHECKOUT, "REPOSITORY": ""}, "would take the caller's own"),
        ("upload", {**UPLOAD, "NAME": ""}, "is no name of an artifact"),
        ("upload", {**UPLOAD, "NAME": "a/b"}, "is no name of an artifact"),
        ("upload", {**UPLOAD, "NAME": "mlops-there"}, "there is an artifact mlops-there already"),
        ("upload", {**UPLOAD, "RETENTION_DAYS": ""}, "retention-days"),
        ("download", {**DOWNLOAD, "NAME": "mlops-gone", "PATTERN": ""}, "there is no artifact mlops-gone"),
        ("download", {**DOWNLOAD, "PATTERN": "", "NAME": ""}, "pattern ''"),
        ("download", {**DOWNLOAD, "RUN_ID": "7"}, "by its run-id and a token"),
        ("alerts", {**ALERTS, "CATEGORY": ""}, "no SARIF"),
    ],
)
def test_what_the_real_one_would_not_do_they_refuse(call, action: str, inputs: dict[str, str], words: str) -> None:
    done = call(action, inputs)
    assert done.returncode == 1
    assert "::error title=stand-in::" in done.stdout
    assert words in done.stdout
