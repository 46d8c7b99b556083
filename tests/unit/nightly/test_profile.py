"""What is kept of a table: kinds of columns, moments, shares; what cannot be read is said."""

from __future__ import annotations

import json

import pytest

from mlops_ci.nightly import profile as profiles
from mlops_ci.nightly.profile import Profile, profile_of
from mlops_ci.records.codec import from_json, to_json


def read(folder, **more):
    return profile_of(folder, run="r1", data_digest="d", **more)


def columns(found):
    return {column.name: column for column in found.columns}


@pytest.fixture
def folder(tmp_path):
    lines = ["x,label,name,empty"] + [f"{n / 7},{n % 3},name{n},{'' if n % 2 else n}" for n in range(500)]
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "train.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_each_column_has_its_kind(folder):
    found = columns(read(folder))
    assert {name: one.kind for name, one in found.items()} == {
        "x": "number",
        "label": "category",
        "name": "text",
        "empty": "number",
    }
    assert found["x"].mean == pytest.approx(249.5 / 7, rel=1e-6)
    assert found["x"].deviation == pytest.approx(144.337 / 7, rel=1e-3)
    assert list(found["x"].sample) == sorted(found["x"].sample)
    assert found["label"].shares == {"0": 0.334, "1": 0.334, "2": 0.332}
    assert (found["empty"].count, found["empty"].missing) == (250, 250)


def test_files_of_other_formats_are_the_same_table(tmp_path):
    (tmp_path / "a.tsv").write_text("x\ty\n1.5\tred\n2.5\tblue\n")
    lines = [{"x": 3.5, "y": "red", "nested": {"a": 1}}, {"x": None, "y": "NaN"}]
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    (tmp_path / "c.bin").write_bytes(b"\0")
    found = read(tmp_path)
    assert (found.rows, found.files) == (4, 2)
    assert columns(found)["x"].mean == 2.5
    assert (columns(found)["x"].missing, columns(found)["y"].missing) == (1, 1)
    assert "nested" not in columns(found)


def test_what_cannot_be_read_is_said_and_the_rest_counts(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"x": 1}\n[2]\n')
    (tmp_path / "b.jsonl").write_text("no json\n")
    (tmp_path / "c.csv").write_bytes(b"x\n\xff\n1\n")
    found = read(tmp_path)
    assert found.problems == ("a.jsonl: line 2 is no JSON object", "b.jsonl: line 1 is no JSON")
    assert columns(found)["x"].count == 3


def test_columns_that_are_new_by_nature_are_left_out(folder):
    assert set(columns(read(folder, ignore=("name", "x")))) == {"label", "empty"}


def test_no_more_rows_are_read_than_said(folder, monkeypatch):
    monkeypatch.setattr(profiles, "reading", lambda: {"rows": 50, "sample": 10, "categories": 200, "codes": 20})
    found = read(folder)
    assert (found.rows, found.problems) == (50, ("only the first 50 rows were looked at",))
    assert len(columns(found)["x"].sample) == 10


def test_an_equal_folder_gives_an_equal_profile_and_it_comes_back_from_json(folder):
    found = read(folder)
    assert read(folder) == found
    assert from_json(Profile, json.loads(json.dumps(to_json(found))), where="p") == found


def test_a_folder_without_tables_has_no_columns(tmp_path):
    (tmp_path / "images").mkdir()
    assert read(tmp_path).columns == ()
