"""The JSON schema: the committed one is fresh, and it says yes and no where loading does."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from mlops_ci.config.declared import tables
from mlops_ci.config.guess import Guess
from mlops_ci.config.schema import FILE, json_schema, text
from mlops_ci.config.template import render

EXAMPLES = sorted(Path(__file__).parents[3].glob("examples/*/mlops.toml"))


@pytest.fixture(scope="module")
def validator():
    schema = json_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def errors(validator, document: str) -> list[str]:
    return [error.message for error in validator.iter_errors(tomllib.loads(document))]


def test_the_committed_schema_is_fresh():
    assert FILE.read_text() == text(), "run: python -m mlops_ci.config.schema"


def test_every_key_is_described_and_has_its_default():
    definitions = json_schema()["definitions"]
    for table in tables().values():
        properties = definitions[table.name]["properties"]
        assert list(properties) == list(table.fields)
        for field in table.fields.values():
            assert properties[field.key]["description"] == field.documentation
            assert ("default" in properties[field.key]) == (field.default is not None)
    assert definitions["train"]["properties"]["timeout"]["default"] == "1d"
    assert definitions["scan"]["properties"]["fail-on"]["default"] == ["CRITICAL"]


def test_every_default_and_example_obeys_its_own_schema():
    whole = json_schema()
    for table in whole["definitions"].values():
        for schema in table["properties"].values():
            for value in [*([schema["default"]] if "default" in schema else []), *schema.get("examples", [])]:
                jsonschema.validate(value, {**schema, "$schema": whole["$schema"]})


def test_nothing_is_null_and_nothing_is_titled():
    assert "null" not in json.dumps(json_schema()["definitions"])
    assert '"title"' not in json.dumps(json_schema()["definitions"])


def test_editors_are_helped():
    schema = json_schema()
    assert schema["x-taplo"] == {"initKeys": ["train"]}
    assert schema["definitions"]["train"]["x-taplo"] == {"initKeys": ["command"]}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_the_examples_are_valid(validator, path):
    assert errors(validator, path.read_text()) == []


def test_the_written_file_is_valid(validator):
    assert errors(validator, render("digits", "python train.py", Guess())) == []


@pytest.mark.parametrize(
    "document",
    [
        'command = "x"',
        "[train]\nseed = 1",
        '[train]\ncommand = "x"\nsed = 1',
        '[train]\ncommand = "x"\nstart_from = "scratch"',
        '[train]\ncommand = ""',
        '[train]\ncommand = "x"\ntimeout = "soon"',
        '[train]\ncommand = "x"\ntimeout = 0',
        '[train]\ncommand = "x"\nmemory = "8x"',
        '[train]\ncommand = "x"\ngpus = -1',
        '[train]\ncommand = "x"\nparams = { a = [1] }',
        '[train]\ncommand = "x"\n[scan]\nfail-on = ["high"]',
        '[train]\ncommand = "x"\n[image]\ntorch = 2.13',
        '[train]\ncommand = "x"\n[mode.pr.train]\nsed = 1',
        '[train]\ncommand = "x"\n[mode.pr.trian]\nseed = 1',
        '[train]\ncommand = "x"\n[mode]\npr = 1',
    ],
)
def test_it_refuses_what_loading_refuses(validator, folder, document):
    assert errors(validator, document)
    folder.error(document)


@pytest.mark.parametrize(
    "document",
    [
        '[train]\ncommand = "x"\ntimeout = 90\nmemory = "8GiB"\ngpus = "auto"\nparams = { a = 1, b = "x", d = 0.5 }',
        '[train]\ncommand = "x"\n[mode.pr.train]\nseed = 1\n[mode.weekly.scan]\noffline = true',
        '[train]\ncommand = "x"\n[mirrors.images]\n"debian:bookworm-slim" = "mirror/debian"',
    ],
)
def test_it_accepts_what_loading_accepts(validator, folder, document):
    assert errors(validator, document) == []
    folder.load(document)
