"""The active checks with a real torch on the CPU: a healthy device, and every injected fault of the corpus."""

import json
import os
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
CORPUS = {path.stem: json.loads(path.read_text()) for path in sorted((TESTS / "corpus" / "compute").glob("*.json"))}
LIMIT_SECONDS = 6
"""Of processor time in CPU mode, for all checks."""


@pytest.fixture(scope="module")
def results(python_with_torch, zipapp):
    cases = [{"name": "healthy"}, *({"name": name, **case} for name, case in CORPUS.items())]
    done = subprocess.run(
        [python_with_torch, str(TESTS / "support" / "compute_driver.py")],
        input=json.dumps(cases),
        env={**os.environ, "PYTHONPATH": str(zipapp)},
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    )
    return {one["name"]: one for one in json.loads(done.stdout)}


def test_a_healthy_cpu_passes_all_of_them(results):
    checks = results["healthy"]["checks"]
    assert {check["id"]: check["status"] for check in checks if check["status"] != "PASS"} == {}
    assert {"memory.bandwidth.cpu", "numerics.exact.fp32.cpu", "allreduce.exact.cpu"} <= {one["id"] for one in checks}
    assert results["healthy"]["cpu_seconds"] < LIMIT_SECONDS


@pytest.mark.parametrize("name", sorted(CORPUS))
def test_an_injected_fault_is_found_and_named(results, name):
    wanted = CORPUS[name]["expect"]
    check = next(check for check in results[name]["checks"] if check["id"] == wanted["id"])
    assert check["status"] == wanted["status"]
    for text in wanted["cause"]:
        assert text in check["cause"]
