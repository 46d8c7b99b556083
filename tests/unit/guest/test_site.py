"""What comes first in every Python of a job: it begins what is asked for, and one part keeps no other from its own."""

from __future__ import annotations

from importlib import import_module

import pytest

from mlops_ci.guest import layout
from mlops_ci.guest.site import sitecustomize
from mlops_ci.guest.smoke import variables


def test_each_part_is_asked_for_by_its_variable():
    assert [variable for variable, _, _ in sitecustomize.PARTS] == [variables.FILE, layout.MLFLOW_RUN]
    assert all(callable(import_module(module).begin) for _, module, _ in sitecustomize.PARTS)


@pytest.mark.parametrize("broken", range(len(sitecustomize.PARTS)))
def test_one_that_cannot_begin_is_told_and_the_other_begins(monkeypatch, capsys, broken):
    begun = []

    def begin(number):
        if number == broken:
            raise RuntimeError("no")
        begun.append(number)

    for number, (variable, module, _) in enumerate(sitecustomize.PARTS):
        monkeypatch.setenv(variable, "x")
        monkeypatch.setattr(f"{module}.begin", lambda _, number=number: begin(number))
    sitecustomize._begin()
    assert begun == [number for number in range(len(sitecustomize.PARTS)) if number != broken]
    assert capsys.readouterr().err == f"mlops-ci: {sitecustomize.PARTS[broken][2]}: RuntimeError: no\n"


def test_what_is_not_asked_for_is_not_loaded(monkeypatch):
    monkeypatch.setattr(sitecustomize, "import_module", lambda _: pytest.fail("nothing was asked for"))
    for variable, _, _ in sitecustomize.PARTS:
        monkeypatch.delenv(variable, raising=False)
    sitecustomize._begin()
