"""Which input of a run is as it was, changed, or gone."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from mlops_ci.config.load import load
from mlops_ci.datasets.plan import plan_digest
from mlops_ci.redaction import Redactor
from mlops_ci.run.workspace import Workspace
from mlops_ci.stages.given import given
from mlops_ci.stages.reproduction_inputs import config_then, data_then, image_then
from mlops_ci.stages.same import remember_settings
from support.run_folder import a_record, make_run

CONFIG = '[train]\ncommand = "python train.py"\nparams = {epochs = 3}\n[data]\npath = "data"\n'


@pytest.fixture
def here(tmp_path):
    """The working directory, with data that git does not hold."""
    folder = tmp_path / "project"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "numbers.txt").write_text("1 2 3\n")
    return folder


@pytest.fixture
def commit(tmp_path):
    """The commit's files."""
    folder = tmp_path / "commit"
    (folder / ".git").mkdir(parents=True)
    (folder / "mlops.toml").write_text(CONFIG)
    return folder


def loaded(commit, *, sets=(), environ=None, mode=None):
    return load(None, cwd=commit, mode=mode, environ=environ or {}, sets=sets)


def a_run(tmp_path, settings, *, redactor=None, **info):
    run = make_run(tmp_path / ".mlops")
    asked = given(settings, redactor or Redactor())
    found = replace(run.info, file="mlops.toml", sets=asked.sets, withheld=asked.withheld, **info)
    run = replace(run, info=found)
    remember_settings(run, settings)
    return run


def test_the_settings_of_then_with_what_came_from_outside(tmp_path, commit):
    then = loaded(commit, sets=("train.params.epochs=9",), environ={"MLOPS_CI_TRAIN__SEED": "4"})
    config = config_then(a_run(tmp_path, then), commit, {"MLOPS_CI_TRAIN__SEED": "5"})
    assert config.input.status == "same"
    assert config.settings.effective == then.effective, "the environment of today counts for nothing"


def test_settings_that_cannot_be_had_again_are_named(tmp_path, commit):
    run = a_run(tmp_path, loaded(commit, sets=("train.seed=1", "train.params.epochs=2")))
    without = replace(run, info=replace(run.info, sets=("train.params.epochs=2",)))
    config = config_then(without, commit, {})
    assert (config.input.status, config.settings) == ("changed", None)
    assert "train.seed" in config.input.why


def test_a_setting_that_a_newer_version_brought_is_no_change(tmp_path, commit):
    run = a_run(tmp_path, loaded(commit))
    known = run.path("settings.json")
    values = json.loads(known.read_text())
    del values["train.retries"]
    known.write_text(json.dumps(values))
    assert config_then(run, commit, {}).input.status == "same"


def test_a_secret_value_is_read_from_the_environment_again(tmp_path, commit):
    then = loaded(commit, sets=("train.params.api_key=hunter2",))
    run = a_run(tmp_path, then)
    gone = config_then(run, commit, {})
    assert gone.input.status == "gone"
    assert "MLOPS_CI_TRAIN__PARAMS__API_KEY" in gone.input.why
    assert config_then(run, commit, {"MLOPS_CI_TRAIN__PARAMS__API_KEY": "hunter2"}).input.status == "same"
    assert config_then(run, commit, {"MLOPS_CI_TRAIN__PARAMS__API_KEY": "another"}).input.status == "changed"


def test_a_configuration_that_cannot_be_loaded_is_gone(tmp_path, commit):
    run = a_run(tmp_path, loaded(commit))
    assert config_then(replace(run, info=replace(run.info, mode="no-such-mode")), commit, {}).input.status == "gone"


def with_data(run, digest):
    run.write(a_record(run, "prepare", outputs={"source_digest": digest, "data_digest": digest}))
    return run


@pytest.fixture
def prepared(tmp_path, here, commit):
    """A run on the data of the working directory, and its settings."""
    settings = loaded(commit)
    return with_data(a_run(tmp_path, settings), plan_digest(settings.tables.data, here)), settings


def test_data_that_git_does_not_hold_is_found_in_the_working_directory(prepared, here, tmp_path):
    found = data_then(*prepared, here, tmp_path / "cache")
    assert (found.input.status, found.table.path) == ("same", str(here / "data"))


def test_data_that_the_commit_holds_is_taken_from_there(prepared, here, commit, tmp_path):
    (here / "data").rename(commit / "data")
    found = data_then(*prepared, here, tmp_path / "cache")
    assert (found.input.status, found.table.path) == ("same", "data")


def test_removed_data_is_gone(prepared, here, tmp_path):
    (here / "data" / "numbers.txt").unlink()
    (here / "data").rmdir()
    assert data_then(*prepared, here, tmp_path / "cache").input.status == "gone"


def test_other_data_is_changed(prepared, here, commit, tmp_path):
    (here / "data" / "numbers.txt").write_text("4 5 6\n")
    (commit / "data").mkdir()
    (commit / "data" / "numbers.txt").write_text("7\n")
    found = data_then(*prepared, here, tmp_path / "cache")
    assert found.input.status == "changed"


def test_a_run_without_data_needs_none(tmp_path, commit, here):
    run = a_run(tmp_path, loaded(commit))
    assert data_then(run, loaded(commit), here, tmp_path / "cache").input.status == "same"


def built(run, ref, digest):
    image = {"ref": ref, "digest": digest, "content_key": "key", "built": True, "bytes": 1, "seconds": 1.0}
    run.write(a_record(run, "build", outputs={"images": {"train": image}, "top": "train", "sbom": []}))
    return run


def environment(cache, digest):
    """A finished environment of the host engine."""
    folder = cache / "environments" / "train-key"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()
    marker = f'{{"schema": "mlops-ci/environment/1", "folder": "{folder}", "digest": "{digest}", "bytes": 1}}'
    (folder / ".complete").write_text(marker)
    return f"env:{folder}"


@pytest.mark.parametrize(
    ("key", "digest", "status", "adopted"),
    [("key", "sha256:1", "same", False), ("other", "sha256:1", "same", True), ("other", "sha256:2", "gone", False)],
)
def test_the_image_by_its_inputs_else_by_its_digest(tmp_path, commit, monkeypatch, key, digest, status, adopted):
    monkeypatch.delenv("MLOPS_CI_CACHE", raising=False)
    workspace = Workspace(root=tmp_path)
    run = built(a_run(tmp_path, loaded(commit)), environment(workspace.cache, digest), "sha256:1")
    resolution = SimpleNamespace(top=SimpleNamespace(content_key=key))
    found = image_then(run, loaded(commit), resolution, workspace, "host")
    assert (found.input.status, found.adopt is not None) == (status, adopted)


def test_an_image_of_another_cache_is_gone(tmp_path, commit, monkeypatch):
    monkeypatch.delenv("MLOPS_CI_CACHE", raising=False)
    run = built(a_run(tmp_path, loaded(commit)), "env:/elsewhere/environments/train-key", "sha256:1")
    resolution = SimpleNamespace(top=SimpleNamespace(content_key="other"))
    assert image_then(run, loaded(commit), resolution, Workspace(root=tmp_path), "host").input.status == "gone"
