import subprocess
import sys

import pytest

ROOMS = ["address", "client", "connection", "forwarder", "registry", "server", "transfer"]


@pytest.mark.parametrize("module", ROOMS)
def test_mlflow_is_not_imported_before_it_is_needed(module):
    code = f"import sys, mlops_ci.tracking.{module}; print([n for n in ('mlflow', 'requests') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
