"""Runs a notebook as a command: every cell in order, by papermill, which belongs to the job's own environment.

`mlops-guest.pyz notebook SOURCE TARGET PARAMETERS`, started by the job's Python. The parameters (JSON) replace those of
the cell tagged `parameters`; what the cells print is shown as it comes; the executed notebook is kept after every cell.
A cell that fails ends it as a script ends: with a traceback that names the cell, and exit code 1.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

MISSING = "the notebook needs it in the job's environment: add `papermill` and `ipykernel` to your requirements"
KERNEL = "python3"
SUFFIX = ".ipynb"


def arguments(source: Path, target: Path, parameters: dict[str, Any]) -> list[str]:
    """What `main` takes."""
    return [str(source), str(target), json.dumps(parameters, sort_keys=True)]


def main(given: list[str]) -> int:
    """The exit code: that of the notebook's own `sys.exit`, 1 for a failed cell, 0 at its end."""
    source, target, parameters = given
    # The kernel is asked to stop by the stop file; this process waits for it, and is killed when the grace is over.
    signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        import papermill
        from papermill.exceptions import PapermillExecutionError
    except ImportError as error:
        return _said(f"Traceback (most recent call last):\nModuleNotFoundError: {error.name}: {MISSING}")
    logging.getLogger("papermill").setLevel(logging.ERROR)
    try:
        papermill.execute_notebook(
            source,
            target,
            parameters=json.loads(parameters),
            kernel_name=KERNEL,
            language="python",
            cwd=os.getcwd(),
            progress_bar=False,
            stdout_file=sys.stdout,
            stderr_file=sys.stderr,
            autosave_cell_every=30,
        )
    except PapermillExecutionError as error:
        return _ended(error, Path(source).name)
    except RuntimeError as error:
        # nbclient's DeadKernelError: the kernel was killed, or crashed.
        return _said(f"Traceback (most recent call last):\nRuntimeError: the notebook's kernel is gone: {error}")
    return 0


def _ended(error: Any, name: str) -> int:
    """How a cell ended it. The traceback is IPython's, without its colours, between lines that Python would write."""
    if error.ename == "SystemExit":
        text = str(error.evalue)
        return int(text) if text.isdigit() else (0 if text in ("", "None") else _said(text))
    said = "\n".join(f"  {line}" for one in error.traceback for line in _plain(one).splitlines())
    where = f'  File "{name}", line {error.exec_count}, in cell'
    return _said(f"{said}\nTraceback (most recent call last):\n{where}\n{error.ename}: {error.evalue}")


def _plain(text: str) -> str:
    from mlops_ci.guest.jobwatch import ANSI

    return ANSI.sub("", text)


def _said(text: str) -> int:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
    return 1
