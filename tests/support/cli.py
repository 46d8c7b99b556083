"""The command line tool as its users call it: another process, its exit code, what it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT = 540


@dataclass(frozen=True)
class Called:
    """How a call ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        """All that it printed."""
        return self.stdout + self.stderr


def call(project: Path, *arguments: str, environment: dict[str, str] | None = None, timeout: float = LIMIT) -> Called:
    """Call `mlops-ci` in the project."""
    done = subprocess.run(
        [sys.executable, "-m", "mlops_ci", *arguments],
        cwd=project,
        env=clean_environment(environment),
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Called(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)


def begun(
    project: Path, *arguments: str, environment: dict[str, str] | None = None, session: bool = False
) -> subprocess.Popen[str]:
    """A call whose narration (standard error) is read while it goes on; `session`: in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "mlops_ci", *arguments],
        cwd=project,
        env=clean_environment(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=session,
    )


def clean_environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """This process's environment as a laptop's: no CI provider, none of our switches, but the caches."""
    ours = ("MLOPS_CI_", "GITHUB_", "GITLAB_", "AWS_", "MLFLOW_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours) and name != "CI"}
    for name in ("MLOPS_CI_CACHE", "AWS_CA_BUNDLE"):
        if name in os.environ:
            kept[name] = os.environ[name]
    return {**kept, "MLOPS_CI_PROVIDER": "local", **(extra or {})}


def newest_run(project: Path) -> Path:
    """The folder of the newest run."""
    return max((project / ".mlops" / "runs").iterdir())


def records(project: Path) -> dict[str, dict[str, Any]]:
    """The records of the newest run."""
    return {path.stem: json.loads(path.read_text()) for path in (newest_run(project) / "records").glob("*.json")}
