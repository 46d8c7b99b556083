"""Plain MLflow in the user's script: what it logs lands in the training's own run.

MLflow forgets MLFLOW_RUN_ID as soon as a run has begun, so that what a script logs after autolog has ended that run
would be a run of its own, without lineage; and after `set_experiment` it refuses the run, which is in another
experiment. Here what is logged without a run goes to ours, the first run that a script starts is ours, and later ones
are its children.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from mlops_ci.guest.importing import after_import
from mlops_ci.guest.layout import MLFLOW_RUN

FLUENT = "mlflow.tracking.fluent"
PARENT = "mlflow.parentRunId"


def begin(environ: Mapping[str, str]) -> None:
    """Make ready, in a process that has a run to log to."""
    run = environ.get(MLFLOW_RUN)
    if run:
        after_import(FLUENT, lambda fluent: _keep_to(run, fluent))


def _keep_to(run: str, fluent: ModuleType) -> None:
    import functools
    import inspect

    start, implicit = getattr(fluent, "start_run", None), getattr(fluent, "_get_or_start_run", None)
    if start is None or implicit is None:
        sys.stderr.write("mlops-ci: this MLflow is unknown: let the script start one run and no other\n")
        return

    @functools.wraps(start)
    def start_run(*arguments: Any, **named: Any) -> Any:
        given = inspect.signature(start).bind(*arguments, **named)
        if fluent.active_run() is not None or given.arguments.get("run_id"):
            return start(*arguments, **named)
        if os.environ.get(MLFLOW_RUN) == run:
            return _in_any_experiment(fluent, lambda: start(*arguments, **named))
        given.arguments["tags"] = {PARENT: run, **(given.arguments.get("tags") or {})}
        return start(*given.args, **given.kwargs)

    @functools.wraps(implicit)
    def get_or_start_run() -> Any:
        if fluent.active_run() is None:
            os.environ[MLFLOW_RUN] = run
        return implicit()

    fluent.start_run = start_run  # type: ignore[attr-defined]
    fluent._get_or_start_run = get_or_start_run  # type: ignore[attr-defined]  # noqa: SLF001 - what `log_metric` calls


def _in_any_experiment(fluent: Any, start: Any) -> Any:
    chosen = getattr(fluent, "_active_experiment_id", None)
    fluent._active_experiment_id = None  # noqa: SLF001 - MLflow compares it with the run's
    try:
        return start()
    finally:
        fluent._active_experiment_id = chosen  # noqa: SLF001
