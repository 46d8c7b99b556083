"""`python -m mlops_ci.tracking.application ... MODULE:APP`: `python -m uvicorn` with a quicker start.

MLflow's application is 2,400 modules. They are no garbage, and looking through them again and again while they load
takes a third of the time.
"""

from __future__ import annotations

import gc
import importlib
import sys


def main() -> None:
    """Load the application that the last argument names, and serve it."""
    gc.disable()
    importlib.import_module(sys.argv[-1].partition(":")[0])
    gc.freeze()
    gc.enable()
    from uvicorn.main import main as serve

    serve()


if __name__ == "__main__":
    main()
