"""The lines that repeat a failed stage: what a shell makes of them is what was run."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlops_ci.cli import main_group
from mlops_ci.config.load import load
from mlops_ci.redaction import Redactor
from mlops_ci.stages.again import Invoked, again, stage_argv
from support.run_folder import a_record, make_run

CONFIG = '[train]\ncommand = "python train.py"\nsecrets = ["HF_TOKEN"]\n[mode.pr.train]\nparams = {epochs = 1}\n'
LOCAL = SimpleNamespace(local=True, bring=lambda folder: ())
ELSEWHERE = SimpleNamespace(local=False, bring=lambda folder: (f"fetch-it --into {folder}",))
SETS = ('train.params.note=it\'s "new"; rm -rf $HOME `x` &', "train.memory=8g", "image.variant=cpu")


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / ".mlops")


def invoked(folder: Path, *, sets=SETS, mode="pr", config=None, engine="docker", variant="cpu", file=CONFIG):
    (folder / ".git").mkdir(exist_ok=True)
    (folder / "mlops.toml").write_text(file)
    settings = load(None, cwd=folder, mode=mode, environ={}, sets=sets)
    return Invoked(settings=settings, engine=engine, variant=variant, config=config)


def parsed(command: str) -> dict[str, object]:
    """What the command line tool itself makes of the pasted line."""
    program, name, *rest = shlex.split(command)
    assert program == "mlops-ci"
    return main_group.commands[name].make_context(name, rest).params


def test_a_shell_gives_the_very_arguments_back(tmp_path, run):
    one = invoked(tmp_path)
    (command,) = again("train", run, one, LOCAL, Redactor())
    assert shlex.split(command) == stage_argv("train", run.id, one, Redactor())


def test_the_tool_understands_it_and_gets_the_same_settings(tmp_path, run, monkeypatch):
    monkeypatch.setattr("os.environ", {})
    one = invoked(tmp_path)
    options = parsed(again("train", run, one, LOCAL, Redactor())[-1])
    assert options["stages"] == ("train",)
    assert (options["run"], options["only"], options["engine"]) == (run.id, True, "docker")
    assert (options["mode"], options["variant"]) == ("pr", "cpu")
    flags = {"--variant": f"image.variant={options['variant']}"}
    second = load(None, cwd=tmp_path, mode=options["mode"], environ={}, sets=options["sets"], flags=flags)
    assert second.effective == one.settings.effective


def test_the_file_that_was_named_is_named_from_here(tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "sub dir" / "mlops.toml"
    (command,) = again("check", run, invoked(tmp_path, config=config), LOCAL, Redactor())
    assert "--config 'sub dir/mlops.toml'" in command


@pytest.mark.parametrize(
    ("file", "variant", "said"),
    [("", "cu128", True), ('[image]\nvariant = "cpu"\n', "cpu", False), ('[image]\nvariant = "auto"\n', "cpu", True)],
)
def test_the_variant_is_named_unless_the_file_says_it(tmp_path, run, file, variant, said):
    one = invoked(tmp_path, sets=(), mode=None, variant=variant, file=CONFIG + file)
    assert ("--variant" in stage_argv("train", run.id, one, Redactor())) == said


def test_in_ci_commit_and_run_come_first(tmp_path, run):
    lines = again("train", run, invoked(tmp_path, sets=()), ELSEWHERE, Redactor())
    commit = run.info.lineage.commit
    assert lines[1] == f"git fetch origin {commit} && git checkout --detach {commit}"
    assert lines[2] == "fetch-it --into .mlops/handover"
    assert lines[3] == f"mlops-ci handover collect .mlops/handover --run {run.id}"
    assert parsed(lines[-1])["run"] == run.id
    assert any("HF_TOKEN" in line for line in lines if line.startswith("#"))


def test_what_was_handed_on_through_the_store_is_fetched_from_there(tmp_path, run, monkeypatch):
    monkeypatch.setenv("MLOPS_CI_HANDOVER", "store")
    for trusted, wanted in (
        (True, f"mlops-ci handover pull --run {run.id}"),
        (False, "fetch-it --into .mlops/handover"),
    ):
        run.write(a_record(run, "plan", outputs={"trusted": trusted}))
        assert again("train", run, invoked(tmp_path, sets=()), ELSEWHERE, Redactor())[2] == wanted


def test_where_nobody_knows_how_to_fetch_a_run_its_folder_is_named(tmp_path, run):
    nowhere = SimpleNamespace(local=False, bring=lambda folder: ())
    lines = again("train", run, invoked(tmp_path), nowhere, Redactor())
    assert any(f".mlops/runs/{run.id}" in line for line in lines if line.startswith("#"))


def test_uncommitted_changes_and_the_image_around_us_are_said(tmp_path, run):
    info = replace(run.info, lineage=replace(run.info.lineage, dirty=True))
    lines = again("train", replace(run, info=info), invoked(tmp_path, engine="inside"), ELSEWHERE, Redactor())
    remarks = " ".join(line for line in lines if line.startswith("#"))
    assert "uncommitted changes" in remarks
    assert "--engine docker" in remarks


def test_no_secret_stands_in_it(tmp_path, run):
    redactor = Redactor()
    redactor.add("hunter2hunter2")
    sets = ("tracking.uri=https://me:pass-word@mlflow.example", "train.params.note=hunter2hunter2")
    lines = again("train", run, invoked(tmp_path, sets=sets), ELSEWHERE, redactor)
    text = "\n".join(lines)
    assert "pass-word" not in text
    assert "hunter2" not in text
    assert "# first set MLOPS_CI_TRACKING__URI" in text
    assert "# first set MLOPS_CI_TRAIN__PARAMS__NOTE" in text


def test_a_reproduction_is_repeated_by_its_own_command(tmp_path, run):
    info = replace(run.info, reproduces="20260101-000000-abcdef")
    assert again("train", replace(run, info=info), invoked(tmp_path), LOCAL, Redactor()) == (
        "mlops-ci reproduce 20260101-000000-abcdef",
    )
