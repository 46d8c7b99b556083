"""The metrics file is read strictly, and bad lines are counted, never guessed at."""

import json
import math

import pytest

from mlops_ci.guest.spool import BadLineError, SpoolReader, parse_line


@pytest.mark.parametrize(
    ("line", "values"),
    [
        (b'{"loss": 1}', {"loss": 1.0}),
        (b'{"time": 1.5, "step": 3, "loss": 0.5, "f1": 1e-3}', {"loss": 0.5, "f1": 1e-3}),
        (b'{"loss": "Infinity"}', {"loss": math.inf}),
        (b'{"loss": -Infinity}', {"loss": -math.inf}),
        (b'{"step": 2.0, "loss": 1}', {"loss": 1.0}),
    ],
)
def test_points(line, values):
    assert parse_line(line, {}).values == values


@pytest.mark.parametrize("word", [b"NaN", b'"NaN"', b'"nan"'])
def test_not_a_number_is_a_value(word):
    assert math.isnan(parse_line(b'{"loss": ' + word + b"}", {}).values["loss"])


@pytest.mark.parametrize(
    "line",
    [
        b"", b"null", b"[]", b"3", b'"loss"', b"{", b"{}", b'{"step": 3}', b'{"loss": true}', b'{"loss": null}',
        b'{"loss": [1]}', b'{"loss": {"a": 1}}', b'{"loss": "low"}', b'{"loss": 1, "step": -1}',
        b'{"loss": 1, "step": 1.5}',
        b'{"loss": 1, "step": true}', b'{"loss": 1, "step": "3"}', b'{"loss": 1, "time": "now"}',
        b'{"loss": 1, "time": NaN}', b"\xff\xfe", b'{"": 1}', b'{"loss": 1' + b"0" * 400 + b"}",
        b'{"loss": 1, "step": 99999999999999999999}', b"[" * 100000, b'{"a": "' + b"x" * 70000 + b'"}',
    ],
    ids=lambda line: repr(line[:30]),
)  # fmt: skip
def test_garbage(line):
    with pytest.raises(BadLineError):
        parse_line(line, {})


def test_a_missing_step_is_the_count_of_that_metric(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"loss": 1}\n{"f1": 1}\n{"loss": 2}\n{"loss": 3, "f1": 3}\n')
    assert [point.step for point in SpoolReader(path).read()] == [1, 1, 2, 3]


def test_a_growing_file_is_read_line_by_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    reader = SpoolReader(path)
    assert reader.read() == []
    path.write_bytes(b'{"loss": 1}\n{"loss"')
    assert len(reader.read()) == 1
    assert reader.read() == []
    with path.open("ab") as stream:
        stream.write(b": 2}\n")
    assert [point.values for point in reader.read()] == [{"loss": 2.0}]
    with path.open("ab") as stream:
        stream.write(b'{"loss": 3}')
    assert reader.read() == []
    assert len(reader.read(final=True)) == 1
    assert (reader.points, reader.lines, reader.bad_lines) == (3, 3, 0)


def test_what_it_knows_at_the_end(tmp_path):
    path = tmp_path / "metrics.jsonl"
    rows = [{"loss": 2.0}, {"loss": 1.0, "f1": 0.5}, {"loss": math.nan}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "garbage\n" * 12)
    reader = SpoolReader(path)
    reader.read(final=True)
    assert reader.latest_finite == {"loss": 1.0, "f1": 0.5}
    assert reader.non_finite == ["loss"]
    assert reader.bad_lines == 12
    assert reader.first_bad_lines == list(range(4, 14))
    lines = "line 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 ..."
    assert reader.warning() == f"12 of 15 lines of metrics.jsonl are no metric points and were left out: {lines}"


def test_a_file_without_bad_lines_has_no_warning(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"loss": 1}\n')
    reader = SpoolReader(path)
    reader.read()
    assert reader.warning() is None


def test_a_long_file_is_read_piece_by_piece_and_nothing_of_it_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr("mlops_ci.guest.spool.CHUNK", 1000)
    path = tmp_path / "metrics.jsonl"
    lines = [json.dumps({"step": step, "loss": float(step)}) for step in range(500)]
    path.write_text("\n".join(lines))
    reader, pieces = SpoolReader(path), []
    while not pieces or reader.behind:
        pieces.append(reader.read(final=True))
    assert max(map(len, pieces)) < 40
    assert [point.step for piece in pieces for point in piece] == list(range(500))
    assert [point.step for point in SpoolReader(path).all()] == list(range(499)), "the last line has no end yet"


def test_a_line_longer_than_a_piece_is_one_bad_line(tmp_path, monkeypatch):
    monkeypatch.setattr("mlops_ci.guest.spool.CHUNK", 1000)
    path = tmp_path / "metrics.jsonl"
    for end in (b"\n", b""):
        path.write_bytes(b'{"loss": 1}\n{"loss": "' + b"x" * 5000 + b'"}\n{"loss": 2}' + end)
        reader = SpoolReader(path)
        assert [point.values["loss"] for point in reader.all(final=True)] == [1.0, 2.0]
        assert (reader.lines, reader.bad_lines, reader.first_bad_lines) == (3, 1, [2])


def test_steps_in_the_wrong_order_are_kept_as_they_came(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(f'{{"step": {step}, "loss": {step}}}\n' for step in (5, 3, 9, 1)))
    reader = SpoolReader(path)
    assert [point.step for point in reader.all(final=True)] == [5, 3, 9, 1]
    assert (reader.latest, reader.bad_lines) == ({"loss": 1.0}, 0)
