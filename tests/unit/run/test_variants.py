"""Runs that make the images of another build of PyTorch are known by their names alone."""

from __future__ import annotations

import pytest

from mlops_ci.run.run import is_run_id, open_run, run_ids
from mlops_ci.run.variants import OtherBuildError, begins_beside, beside, built, check, named
from support.run_folder import a_record, make_run

RUN = "20260102-030405-0000ab"


@pytest.mark.parametrize("variant", ["cpu", "cu130"])
def test_the_name_says_the_run_and_the_build(variant):
    found = beside(named(RUN, variant))
    assert found is not None
    assert (found.planned, found.variant) == (RUN, variant)
    assert is_run_id(named(RUN, variant))


@pytest.mark.parametrize("name", [None, "", RUN, "latest", f"{RUN}-", f"{RUN}-gpu", f"{RUN}-cu", f"{RUN}-cpu/.."])
def test_other_names_say_nothing(name):
    assert beside(name) is None
    assert not name or name == RUN or not is_run_id(name)


def test_one_begins_beside_a_run_once_and_is_no_newest_run_of_its_own(tmp_path):
    run = make_run(tmp_path)
    name = named(run.id, "cu130")
    assert begins_beside(name, tmp_path / "runs") == run.id
    make_run(tmp_path, name=name, beside=run.id)
    assert begins_beside(name, tmp_path / "runs") is None
    assert run_ids(tmp_path / "runs") == [run.id, name]
    assert open_run(tmp_path / "runs", "latest").id == run.id


def test_it_makes_the_images_of_no_other_build():
    check(named(RUN, "cpu"), "cpu")
    check(RUN, "cpu")
    with pytest.raises(OtherBuildError, match="is for the images of cu130, and this is cpu") as refused:
        check(named(RUN, "cu130"), "cpu")
    assert "--variant cu130" in refused.value.hint


def test_a_run_that_was_planned_without_further_builds_has_none(tmp_path):
    run = make_run(tmp_path)
    assert built(run) == ()
    run.write(a_record(run, "plan"))
    assert built(run) == ()
