"""What came from outside of the file, as options that give the same settings again."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_ci.config.load import load
from mlops_ci.redaction import Redactor
from mlops_ci.stages.given import given as what_is_given
from mlops_ci.stages.given import variable

CONFIG = """\
[train]
command = "python train.py"
params = {epochs = 3, note = "x"}
[mode.pr.train]
params = {epochs = 1}
"""
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1, max_size=12)
VALUES = st.one_of(st.booleans(), st.integers(-(2**40), 2**40), st.floats(-1e6, 1e6), NAMES)


def loaded(folder, *, sets=(), environ=None, mode=None):
    (folder / ".git").mkdir(exist_ok=True)
    (folder / "mlops.toml").write_text(CONFIG)
    return load(None, cwd=folder, mode=mode, environ=environ or {}, sets=sets)


def again(folder, first, redactor=None):
    found = what_is_given(first, redactor or Redactor())
    return loaded(folder, sets=found.sets, mode=first.mode), found


def test_what_the_file_says_is_not_repeated(tmp_path):
    assert what_is_given(loaded(tmp_path, mode="pr"), Redactor()).sets == ()


@pytest.mark.parametrize(
    "text",
    [
        "train.timeout=90m",
        "train.memory=8g",
        "train.seed=7",
        'train.params.note=it\'s "new" $HOME `x`',
        'train.params.note="7"',
        "train.params.note=true",
        'train.params."a.b"=1',
        "train.metrics.loss='loss: ([\\d.]+)'",
        'check.commands=["ruff check .", "pytest -q -k \'a b\'"]',
        "train.params={epochs = 9, more = 1e-3}",
        "image.torch=2.13",
        "evaluate.on=gpu",
        "train.stall=30m",
    ],
)
def test_the_same_settings_come_out_again(tmp_path, text):
    first = loaded(tmp_path, sets=(text,))
    second, found = again(tmp_path, first)
    assert second.effective == first.effective
    assert found.sets, "nothing was given on"
    assert found.withheld == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(value=VALUES)
def test_any_parameter_comes_out_again(tmp_path, value):
    from mlops_ci.config.toml_text import written

    first = loaded(tmp_path, sets=(f"train.params.note={written(value)}",))
    second, _ = again(tmp_path, first)
    assert second.effective == first.effective


def test_the_environment_counts_as_the_command_line_does(tmp_path):
    first = loaded(tmp_path, environ={"MLOPS_CI_TRAIN__PARAMS__EPOCHS": "5", "MLOPS_CI_TRAIN__START_FROM": "champion"})
    second, found = again(tmp_path, first)
    assert second.effective == first.effective
    assert set(found.sets) == {"train.params.epochs=5", "train.start-from=champion"}


def test_secrets_are_withheld_and_named(tmp_path):
    redactor = Redactor()
    redactor.add("hunter2hunter2")
    sets = (
        "train.params.note=key hunter2hunter2",
        "train.params.api_key=abc",
        "tracking.uri=https://me:pass-word@mlflow.example",
        "train.secrets=['HF_TOKEN']",
    )
    found = what_is_given(loaded(tmp_path, sets=sets), redactor)
    assert set(found.withheld) == {"train.params.note", "train.params.api_key", "tracking.uri"}
    assert found.sets == ('train.secrets=["HF_TOKEN"]',), "names of variables are no secrets"


def test_a_name_that_no_variable_can_have_is_read_from_its_tables_variable(tmp_path):
    name = variable('mirrors.images."debian:bookworm-slim"')
    assert name == "MLOPS_CI_MIRRORS__IMAGES"
    first = loaded(tmp_path, environ={name: '{"debian:bookworm-slim" = "mirror/debian"}'})
    assert first.tables.mirrors.images == {"debian:bookworm-slim": "mirror/debian"}


def test_the_variable_that_a_withheld_setting_is_read_from(tmp_path):
    environ = {variable("train.params.api_key"): "abc", variable("train.start-from"): "champion"}
    first = loaded(tmp_path, environ=environ)
    assert first.tables.train.params["api_key"] == "abc"
    assert first.tables.train.start_from == "champion"
