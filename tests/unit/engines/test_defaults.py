"""The numbers of the engines are data, complete and of the right kind."""

from __future__ import annotations

import dataclasses
import tomllib
from importlib.resources import files

from mlops_ci.engines.defaults import Defaults, defaults


def test_every_key_of_the_file_is_used_and_none_is_missing():
    tables = tomllib.loads(files("mlops_ci").joinpath("resources/engines.toml").read_text())
    keys = {f"{table}_{key}" for table, values in tables.items() for key in values}

    assert keys == {field.name for field in dataclasses.fields(Defaults)}


def test_values():
    values = defaults()

    assert values.container_user > 1000
    assert isinstance(values.host_passed, tuple)
    assert not [name for name in values.host_passed if "KEY" in name or "TOKEN" in name or "SECRET" in name]
