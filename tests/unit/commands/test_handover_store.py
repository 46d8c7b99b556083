"""The commands by which jobs hand a run on through the store, on a folder that all of them share."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_ci.commands.handover_store import NoSharedStoreError, pull, push
from mlops_ci.commands.options import Options
from mlops_ci.errors import UsageError
from mlops_ci.records.codec import to_json
from mlops_ci.run.run import HandoverError, open_run
from mlops_ci.run.variants import built, named
from support.run_folder import a_record, make_run, write_files

CONFIG = '[project]\nname = "demo"\n\n[train]\ncommand = "true"\n'
MODEL = "train/model/model.safetensors"


@pytest.fixture
def run(tmp_path):
    """A run whose training left a model, on the machine `one`."""
    made = make_run(tmp_path / "one" / ".mlops")
    write_files(made, {MODEL: "weights"})
    made.write(a_record(made, "plan", outputs={"trusted": True, "left_out": {"prepare": "no data"}}))
    made.write(a_record(made, "train", outputs={"model": [to_json(made.file(made.path(MODEL)))]}))
    return made


@pytest.fixture
def at(tmp_path, monkeypatch):
    """Go to a machine, on which a job runs."""

    def go(name: str, **environment: str) -> None:
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "mlops.toml").write_text(CONFIG)
        monkeypatch.chdir(tmp_path / name)
        around = {
            "MLOPS_CI_PROVIDER": "gitlab",
            "CI_PIPELINE_SOURCE": "push",
            "CI_JOB_ID": "77",
            "MLOPS_CI_PUBLISH__STORE": str(tmp_path / "shared"),
            **environment,
        }
        for key, value in around.items():
            monkeypatch.setenv(key, value)

    return go


def test_each_job_gets_what_it_needs_and_models_only_who_reads_them(run, at, tmp_path, capsys):
    at("one")
    assert push(Options(), "plan") == push(Options(), "train") == 0
    assert "handed on train of run" in capsys.readouterr().err
    at("two")
    assert pull(Options(run=run.id), (), light=True) == 0
    said = capsys.readouterr()
    assert said.out.strip() == run.id
    assert "collected train (attempt 77): 2 files, 1 left in the store" in said.err
    here = tmp_path / "two" / ".mlops" / "runs"
    assert not (here / run.id / MODEL).exists()
    assert open_run(here, run.id).record("train").done
    assert pull(Options(run=run.id), ("evaluate",)) == 0
    assert (here / run.id / MODEL).read_text() == "weights"


def test_the_images_of_another_build_have_a_run_of_their_own_which_the_last_job_gets_too(run, at, tmp_path, capsys):
    run.write(a_record(run, "plan", attempt=2, outputs={"trusted": True, "variants": ["cu126", "cu130"]}))
    name = named(run.id, "cu126")
    at("one")
    push(Options(run=run.id), "plan", file="build")
    at("cell")
    assert pull(Options(run=name), ("build",), file="build") == 0
    assert capsys.readouterr().out.strip() == run.id, "it begins with what was planned"
    cell = make_run(tmp_path / "cell" / ".mlops", name=name, beside=run.id)
    cell.write(a_record(cell, "plan"))
    cell.write(a_record(cell, "build"))
    assert push(Options(run=name), "build", file="build") == 0
    at("scanning")
    assert pull(Options(run=name), ("scan",), file="scan") == 0
    assert capsys.readouterr().out.strip() == name
    at("last")
    assert pull(Options(run=run.id), (), light=True) == 0
    found = open_run(tmp_path / "last" / ".mlops" / "runs", run.id)
    assert [(one.name, one.result) for one in built(found)] == [("cu126", "passed"), ("cu130", "lost")]


def test_what_a_job_needs_and_nobody_handed_on_is_named(run, at):
    at("one")
    push(Options(), "train")
    at("two")
    with pytest.raises(HandoverError, match="promote needs publish, which has left no record"):
        pull(Options(run=run.id), ("promote",))


def test_the_last_job_hands_on_what_no_job_ran(run, at, tmp_path):
    run.write(a_record(run, "prepare", status="skipped"))
    run.write(a_record(run, "report"))
    at("one")
    push(Options(), "result")
    at("two")
    pull(Options(run=run.id), ())
    assert set(open_run(tmp_path / "two" / ".mlops" / "runs", run.id).records()) == {"prepare", "report"}


def test_a_run_that_never_began_hands_on_nothing(at, tmp_path, capsys):
    at("one")
    assert push(Options(), "plan") == 0
    assert "there is no run" in capsys.readouterr().err
    assert not (tmp_path / "shared").exists()


@pytest.mark.parametrize(("store", "said"), [("", "none is configured"), ("store", "other jobs do not see it")])
def test_without_a_store_that_others_see_nothing_can_be_handed_on(run, at, store, said):
    at("one", MLOPS_CI_PUBLISH__STORE=store)
    with pytest.raises(NoSharedStoreError, match=said):
        push(Options(), "train")


def test_a_folder_of_ones_own_is_enough_for_a_person(run, at, tmp_path):
    at("one", MLOPS_CI_PUBLISH__STORE="store", MLOPS_CI_PROVIDER="local")
    assert push(Options(), "train") == 0
    assert Path(tmp_path, "one", "store", "handover", run.id).is_dir()


@pytest.mark.parametrize("name", [None, ""])
def test_the_run_must_be_named(at, name):
    at("two")
    with pytest.raises(UsageError, match="which run"):
        pull(Options(run=name), ())
