"""Python imports this at its start: it prepares what works in the user's process, then gives way to the one behind."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

# What works in the user's process: the variable that asks for it, and what is so when it cannot begin. Every Python of
# a job begins here: it loads what it needs.
PARTS = (
    ("MLOPS_SMOKE_FILE", "mlops_ci.guest.smoke.watch", "this process is not watched"),
    ("MLFLOW_RUN_ID", "mlops_ci.guest.native_mlflow", "what this process logs to MLflow may get a run of its own"),
)


def _begin() -> None:
    for variable, module, lack in PARTS:
        if variable not in os.environ:
            continue
        try:
            import_module(module).begin(os.environ)
        except Exception as error:
            # A training that cannot be watched is still a training: the checks then say that they saw nothing.
            sys.stderr.write(f"mlops-ci: {lack}: {type(error).__name__}: {error}\n")


def _hand_on() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    rest = [place for place in sys.path if os.path.abspath(place or ".") != here]
    spec = PathFinder.find_spec("sitecustomize", rest)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(module_from_spec(spec))


_begin()
_hand_on()
