"""The JSON schema of records: the committed one is fresh, real records obey it, and it says what may differ."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from mlops_ci import pipeline
from mlops_ci.records.outputs import OUTPUTS
from mlops_ci.records.schema import json_schema, text
from support.report_run import VARIANTS, make_run

FILE = Path(__file__).parents[3] / "src" / "mlops_ci" / "resources" / "record.schema.json"


@pytest.fixture(scope="module")
def validator():
    jsonschema.Draft202012Validator.check_schema(json_schema())
    return jsonschema.Draft202012Validator(json_schema())


def test_the_committed_schema_is_fresh():
    assert FILE.read_text() == text(), "run: python bin/generate_docs.py"


def test_every_stage_has_its_outputs():
    assert tuple(OUTPUTS) == (*pipeline.NAMES, "canary", "smoke")


@pytest.mark.parametrize("variant", VARIANTS)
def test_records_obey_it(validator, tmp_path, variant):
    paths = sorted((make_run(tmp_path, variant) / "records").rglob("*.json"))
    assert paths
    for path in paths:
        assert [one.message for one in validator.iter_errors(json.loads(path.read_text()))] == [], path.name


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "mlops-ci/record/2"},
        {"stage": "deploy"},
        {"attempt": "1"},
        {"status": "green"},
        {"error": {"cause": "no class"}},
        {"warnings": [1]},
        {"outputs": {"metrics": {"loss": 1.0}}},
    ],
)
def test_it_refuses_what_is_no_record(validator, tmp_path, change):
    record = json.loads((make_run(tmp_path) / "records" / "train.json").read_text())
    assert list(validator.iter_errors({**record, **change}))


def test_what_may_differ_is_marked():
    schema = json_schema()
    assert {name for name, one in schema["properties"].items() if one.get("x-volatile")} == {
        *("run", "started_at", "finished_at", "seconds", "fingerprint", "provider", "host")
    }
    image = schema["$defs"]["BuiltImage"]["properties"]
    assert (image["seconds"]["x-volatile"], "x-volatile" in image["content_key"]) == (True, False)
    assert schema["$defs"]["ReportOutputs"]["properties"]["files"]["x-volatile"] == ["bytes", "sha256"]
