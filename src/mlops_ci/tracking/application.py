"""`python -m mlops_ci.tracking.application ... MODULE:APP`: `python -m uvicorn` with a quicker start.

MLflow's application is 2,400 modules. They are no garbage, and looking through them again and again while they load
takes a third of the time. What its libraries would load where it is installed, and do without where it is not, is named
in the variable WITHOUT: a tenth of the time.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys

WITHOUT = "MLOPS_CI_SERVER_WITHOUT"


def main() -> None:
    """Load the application that the last argument names, and serve it."""
    gc.disable()
    for package in os.environ.pop(WITHOUT, "").split():
        # What Python itself takes for "there is no such module".
        sys.modules[package] = None  # type: ignore[assignment]
    importlib.import_module(sys.argv[-1].partition(":")[0])
    gc.freeze()
    gc.enable()
    from uvicorn.main import main as serve

    serve()


if __name__ == "__main__":
    main()
