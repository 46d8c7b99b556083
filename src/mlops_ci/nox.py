"""The pipeline's three sessions for a consumer's own noxfile:

# /// script
# dependencies = ["nox", "mlops-ci[all]"]
# ///
from mlops_ci.nox import register
register()
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

from mlops_ci import pipeline


def register() -> None:
    """Register the nox sessions build, verify and train; each ends with the pipeline's exit code and stops nox."""
    import nox

    nox.options.stop_on_first_error = True
    for name, what in (
        ("build", "Plan, build the images, run your own checks."),
        ("verify", "Scan, prepare the data, verify that this node may train."),
        ("train", "Train, evaluate, publish, promote, deploy, report."),
    ):
        function = _session(pipeline.session_stages(name))
        function.__name__ = name
        function.__doc__ = what
        nox.session(venv_backend="none")(function)


def run_stages(stages: tuple[str, ...], arguments: list[str]) -> int:
    """Run stages in a process of their own; Ctrl-C reaches it too, and it saves its state before it ends."""
    child = subprocess.Popen([sys.executable, "-m", "mlops_ci", "run", *stages, *arguments])
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue


def _session(stages: tuple[str, ...]) -> Callable[[Any], None]:
    def session_function(session: Any) -> None:
        code = run_stages(stages, list(session.posargs))
        if code != 0:
            # A failed command alone would end nox with 1, and the next session would run.
            raise SystemExit(code)

    return session_function
