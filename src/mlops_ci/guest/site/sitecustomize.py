"""Python imports this at its start: it prepares what works in the user's process, then gives way to the one behind."""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec


def _begin() -> None:
    try:
        # Every Python of the job begins here: it loads what it needs.
        if "MLOPS_SMOKE_FILE" in os.environ:
            from mlops_ci.guest.smoke import watch

            watch.begin(os.environ)
        if "MLFLOW_RUN_ID" in os.environ:
            from mlops_ci.guest import native_mlflow

            native_mlflow.begin(os.environ)
    except Exception as error:
        # A training that cannot be watched is still a training: the checks then say that they saw nothing.
        sys.stderr.write(f"mlops-ci: this process is not watched: {type(error).__name__}: {error}\n")


def _hand_on() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    rest = [place for place in sys.path if os.path.abspath(place or ".") != here]
    spec = PathFinder.find_spec("sitecustomize", rest)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(module_from_spec(spec))


_begin()
_hand_on()
