"""The example's model behind a server, with the real torch: both forms of an entry, on what `save_model` kept."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from support.guest_job import torch_python

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "digits"
PROGRAM = """
import sys
from pathlib import Path

import torch

from mlops_ci.deploying.example import read
from mlops_ci.guest.sdk import save_model
from mlops_ci.guest.serving.compare import differences
from mlops_ci.guest.serving.loading import load
from mlops_ci.guest.serving.request import RefusedError

app, model = Path(sys.argv[1]), Path(sys.argv[2])
sys.path.insert(0, str(app))
from network import build

torch.manual_seed(0)
config = {"width": 4, "classes": 10, "input": [1, 8, 8]}
save_model(build(4), config=config, example=torch.rand(3, 1, 8, 8))
example = read(model, None, 1e-5)
for entry in ("network.py:build", "serve.py:load"):
    predict, device = load(entry, app, model, example)
    assert differences(predict(example.inputs), example.outputs, example.tolerance) == []
    assert differences(predict(example.inputs[:1]), example.outputs[:1], example.tolerance) == [], "each by itself"
    try:
        predict([[[1.0, 2.0]]])
    except RefusedError as error:
        print(entry, error.status, error.why)
"""


def test_a_model_that_was_saved_with_an_example_gives_it_back_by_both_forms_of_an_entry(tmp_path: Path):
    python = torch_python()
    if python is None:
        pytest.skip("there is no Python with torch: `bin/testbed install torch`, or set MLOPS_CI_TEST_TORCH_PYTHON")
    done = subprocess.run(
        [python, "-c", PROGRAM, str(EXAMPLE), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "MLOPS_OUTPUT_DIR": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    factory, function = done.stdout.splitlines()
    assert factory == "network.py:build 422 each of `inputs` has the shape [1, 2]; the recorded example has [1, 8, 8]"
    assert function == "serve.py:load 422 an image has [1, 8, 8] numbers, not [1, 2]"
