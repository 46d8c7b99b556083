"""A notebook as a script."""

import ast
import json

import pytest

from mlops_ci.commands.init import ExistsError, init
from mlops_ci.config.guess import guess
from mlops_ci.config.notebook import NotebookError, export


def cell(source, kind="code", **metadata):
    return {"cell_type": kind, "source": source, "metadata": metadata}


def book(folder, *cells, name="train.ipynb"):
    path = folder / name
    path.write_text(json.dumps({"nbformat": 4, "cells": cells}))
    return path


CELLS = (
    cell("# A title\n\nand words", kind="markdown"),
    cell(["epochs = 3\n", "rate: float = 0.1\n", "name = 'a'\n", "shape = (1, 2)\n"], tags=["parameters"]),
    cell("%matplotlib inline\nimport os\nif True:\n    !nvidia-smi\nos?\nprint(epochs % 2)"),
    cell("%%bash\nls"),
    cell("   \n"),
)


def test_cells_stand_below_each_other_and_ipythons_own_lines_are_comments(tmp_path):
    made = export(book(tmp_path, *CELLS))
    ast.parse(made.text)
    assert "# A title\n#\n# and words" in made.text
    assert "# %matplotlib inline\nimport os\nif True:\n    pass  # !nvidia-smi\n# os?\nprint(epochs % 2)" in made.text
    assert "# %%bash\n# ls" in made.text
    assert len(made.notes) == 4
    assert made.notes[0] == "cell 3: `%matplotlib inline` is for IPython: it is a comment now"


def test_the_parameters_can_be_replaced_by_those_of_the_run(tmp_path, monkeypatch):
    made = export(book(tmp_path, *CELLS))
    assert made.params == {"epochs": 3, "rate": 0.1, "name": "a"}
    monkeypatch.setenv("MLOPS_PARAMS", '{"epochs": 8}')
    names = {}
    exec(made.text.split("# %matplotlib")[0], names)
    assert (names["epochs"], names["rate"], names["shape"]) == (8, 0.1, (1, 2))


def test_without_a_tag_and_with_what_is_no_python_it_says_so(tmp_path):
    made = export(book(tmp_path, cell("def f(:")))
    assert any("is no Python" in note for note in made.notes)
    assert any("no cell has the tag" in note for note in made.notes)


@pytest.mark.parametrize("text", ["", "[]", '{"cells": 3}', '{"cells": [{}]}', "not json"])
def test_what_is_no_notebook_is_refused(tmp_path, text):
    (tmp_path / "x.ipynb").write_text(text)
    with pytest.raises(NotebookError) as error:
        export(tmp_path / "x.ipynb")
    assert error.value.exit_code == 2
    with pytest.raises(NotebookError):
        export(tmp_path / "none.ipynb")


def test_init_writes_the_script_and_a_configuration_that_runs_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = book(tmp_path, *CELLS, name="my model.ipynb")
    assert init(None, force=False, notebook=path) == 0
    assert (tmp_path / "my model.py").read_text() == export(path).text
    said = (tmp_path / "mlops.toml").read_text()
    assert "command = \"python 'my model.py'\"" in said
    assert 'params = { epochs = 3, rate = 0.1, name = "a" }' in said
    assert "note: cell 3" in capsys.readouterr().err
    (tmp_path / "mlops.toml").unlink()
    with pytest.raises(ExistsError):
        init(None, force=False, notebook=path)


def test_a_repository_with_a_notebook_only_trains_by_it(tmp_path):
    book(tmp_path, *CELLS)
    assert guess(tmp_path).command == "train.ipynb"
