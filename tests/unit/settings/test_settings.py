"""The declarations themselves: documented, read without a validator, and named sensibly."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from mlops_ci.config.declared import tables
from mlops_ci.settings.project import ProjectSettings
from mlops_ci.settings.settings import Settings, Tables, safe_name
from mlops_ci.settings.tracking import TrackingSettings
from mlops_ci.settings.train import TrainSettings


def settings(root: str, **tables: object) -> Settings:
    made = Tables(train=TrainSettings(command="python train.py"))
    return Settings(root=Path(root), file=None, mode=None, tables=dataclasses.replace(made, **tables))


def test_every_table_and_every_key_is_documented():
    for table in tables().values():
        assert len(table.documentation) > 10, table.name
        for field in table.fields.values():
            assert field.documentation.endswith((".", "?")), f"[{table.name}] {field.key}"


def test_every_key_without_a_default_has_an_example():
    for table in tables().values():
        for field in table.fields.values():
            assert field.required or field.default is not None or field.example is not None, (
                f"[{table.name}] {field.key}"
            )


def test_only_the_training_command_is_required():
    assert [
        (table.name, key) for table in tables().values() for key, field in table.fields.items() if field.required
    ] == [("train", "command")]


def test_settings_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings("/x").tables.train.seed = 1


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("/home/me/digits", "digits"),
        ("/home/me/My Project (2)", "My-Project-2"),
        ("/", "project"),
        ("/x/---", "project"),
    ],
)
def test_the_name_comes_from_the_folder(folder, name):
    assert settings(folder).name == settings(folder).model == settings(folder).experiment == name


def test_configured_names_win():
    given = settings("/x", project=ProjectSettings(name="digits"), tracking=TrackingSettings(experiment="nightly"))
    assert (given.name, given.model, given.experiment) == ("digits", "digits", "nightly")


def test_a_safe_name_is_a_name_that_the_configuration_accepts():
    assert safe_name("ünïcode projekt") == "n-code-projekt"


def test_the_settings_import_no_validator():
    for name, module in list(sys.modules.items()):
        if name.startswith("mlops_ci.settings."):
            assert "pydantic" not in vars(module), name
