"""What remains of a record: a change of anything that is not marked as volatile shows, and nothing else does."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from mlops_ci import pipeline
from mlops_ci.records.codec import RecordFormatError, from_json
from mlops_ci.records.lasting import lasting
from mlops_ci.records.record import Record
from mlops_ci.records.schema import json_schema
from support.report_run import make_run

SCHEMA = json_schema()
Path = tuple[str | int, ...]
ANOTHER: dict[type, Any] = {str: "another", int: 4711, float: 0.4711}


@pytest.fixture(scope="module", params=["promoted", "failed", "gpu"])
def records(request, tmp_path_factory) -> dict[str, Any]:
    folder = make_run(tmp_path_factory.mktemp(request.param), request.param)
    return {path.stem: json.loads(path.read_text()) for path in (folder / "records").glob("*.json")}


def kept(record: dict[str, Any]) -> dict[str, Any]:
    return lasting(from_json(Record, record))


def numbers_and_words(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value that can be changed to another of its type."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from numbers_and_words(item, (*path, key))
    if type(value) in ANOTHER:
        yield path, ANOTHER[type(value)]


def changed(record: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    other = copy.deepcopy(record)
    place = other
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return other


def is_volatile(stage: str, path: Path) -> bool:
    """What the schema says of this place in a record."""
    schema, parts = SCHEMA, []
    if path[0] == "outputs":
        position = list(pipeline.NAMES).index(stage)
        schema, path = SCHEMA["allOf"][position]["then"]["properties"]["outputs"]["anyOf"][1], path[1:]
    for key in path:
        schema = step(schema, key)
        mark = schema.get("x-volatile", [])
        if mark is True or key in parts:
            return True
        parts = mark or parts
    return False


def step(schema: dict[str, Any], key: str | int) -> dict[str, Any]:
    """The schema of what lies below this key."""
    mark = {"x-volatile": schema["x-volatile"]} if "x-volatile" in schema else {}
    if "anyOf" in schema:
        schema = next(one for one in schema["anyOf"] if one != {"type": "null"})
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    if isinstance(key, int):
        return {**schema["items"], **mark}
    return schema["properties"][key] if "properties" in schema else {**schema["additionalProperties"], **mark}


def test_a_change_shows_if_and_only_if_the_schema_does_not_mark_it(records):
    volatile = lasts = 0
    for stage, record in records.items():
        before = kept(record)
        for path, value in numbers_and_words(record):
            if path == ("stage",):
                continue
            try:
                after = kept(changed(record, path, value))
            except RecordFormatError:  # it takes a few words only
                continue
            marked = is_volatile(stage, path)
            assert (after == before) == marked, (stage, path)
            volatile, lasts = volatile + marked, lasts + (not marked)
    assert volatile > 50
    assert lasts > 50


def test_what_is_there_counts_even_where_its_bytes_do_not(records):
    scan = records["scan"]
    files = scan["outputs"]["reports"]
    assert kept(changed(scan, ("outputs", "reports"), [{**files[0], "sha256": "0" * 64}, files[1]])) == kept(scan)
    assert kept(changed(scan, ("outputs", "reports"), files[:1])) != kept(scan)
    assert kept(changed(scan, ("outputs", "reports", 0, "path"), "scan/other.json")) != kept(scan)


def test_a_stage_that_left_no_outputs(records):
    record = {**records["scan"], "outputs": {}}
    assert kept(record)["outputs"] == {}
    assert "started_at" not in kept(record)
