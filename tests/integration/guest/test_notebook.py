"""A notebook as the command: the real papermill and kernel, parameters in, metrics and model out, classes as ever."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

TRAINS = """
import json, os, struct
from mlops_ci.guest.sdk import checkpoint, log, output_dir
for step in range(1, epochs + 1):
    log(step=step, loss=rate / step)
checkpoint(epochs, b"state")
print("trained with", rate, note, flush=True)
header = json.dumps({"w": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}}).encode()
header += b" " * (-len(header) % 8)
(output_dir() / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + struct.pack("<d", rate))
"""


@pytest.fixture
def notebook(job):
    def make(*cells, arguments=""):
        book = new_notebook(cells=[new_code_cell(cell, metadata=more) for cell, more in cells])
        nbformat.write(book, job.folder / "work" / "train.ipynb")
        job.task["commands"] = [{"name": "train", "command": f"train.ipynb {arguments}"}]
        return job

    return make


def test_a_notebook_is_a_training_with_its_parameters_and_is_kept(notebook):
    job = notebook(
        ('rate, epochs, note = 0.5, 1, ""', {"tags": ["parameters"]}),
        (TRAINS, {}),
        arguments="epochs=3 'note=with a space'",
    )
    job.task.update(params={"rate": 0.25}, model={"allow_pickle": []})
    code, shown = job.run()
    assert code == 0, shown
    assert "trained with 0.25 with a space" in shown
    outcome = job.outcome()
    assert [row["step"] for row in job.lines("metrics.jsonl")] == [1, 2, 3]
    assert [one["path"] for one in outcome["model"]["files"]] == ["model.safetensors"]
    assert outcome["checkpoint"]["step"] == 3
    kept = json.loads((job.folder / "work" / "outputs" / "train.ipynb").read_text())
    assert "trained with 0.25" in json.dumps(kept)


def test_a_cell_that_fails_is_classed_as_a_script_that_fails_is(notebook):
    job = notebook(("print('so far')", {}), ("raise MemoryError('Unable to allocate 9 GiB')", {}))
    code, shown = job.run()
    outcome = job.outcome()
    assert (code, outcome["class"]) == (20, "out-of-memory-host"), shown
    assert "MemoryError: Unable to allocate 9 GiB" in outcome["cause"]
    assert "so far" in shown
    kept = json.loads((job.folder / "work" / "outputs" / "train.ipynb").read_text())
    assert "Unable to allocate" in json.dumps(kept)
