"""The recorded request among a model's files."""

from __future__ import annotations

import base64
import json
import struct

import pytest

from mlops_ci.deploying.example import ExampleError, read
from mlops_ci.guest.serving.config import Example


def tensors(**named):
    """A parity.json: name → (dtype, shape, raw)."""
    header, data = {}, b""
    for name, (dtype, shape, raw) in named.items():
        header[name.replace("_", ".")] = {
            "dtype": dtype,
            "shape": shape,
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header).encode()
    whole = struct.pack("<Q", len(text)) + text + data
    return json.dumps({"schema": "mlops-ci/parity/1", "tensors": base64.b64encode(whole).decode()})


def test_what_save_model_kept_is_one_request(tmp_path):
    inputs = struct.pack("<4f", 1.0, 2.0, 3.0, 4.5)
    (tmp_path / "parity.json").write_text(
        tensors(input_0=("F32", [2, 2], inputs), output_0=("F64", [2, 1], struct.pack("<2d", 0.25, 0.75)))
    )
    assert read(tmp_path, None, 0.01) == Example(
        inputs=[[1.0, 2.0], [3.0, 4.5]], outputs=[[0.25], [0.75]], tolerance=0.01
    )


@pytest.mark.parametrize(
    ("dtype", "raw", "value"),
    [
        ("I64", struct.pack("<q", -3), -3),
        ("F16", struct.pack("<e", 0.5), 0.5),
        ("BF16", struct.pack("<f", 1.5)[2:], 1.5),
        ("BOOL", b"\1", True),
    ],
)
def test_types_of_tensors(tmp_path, dtype, raw, value):
    (tmp_path / "parity.json").write_text(tensors(input_0=(dtype, [1], raw), output_0=(dtype, [1], raw)))
    assert read(tmp_path, None, 0.0).inputs == [value]


@pytest.mark.parametrize(
    ("kept", "why"),
    [
        (None, "without a recorded example"),
        ("{}", "cannot be used"),
        (tensors(input_0=("F8_E5M2", [1], b"a"), output_0=("U8", [1], b"a")), "type F8_E5M2 has no form in JSON"),
        (tensors(input_0=("U8", [1], b"a"), input_1=("U8", [1], b"a"), output_0=("U8", [1], b"a")), "2 inputs and 1"),
        (tensors(input_0=("U8", [], b"a"), output_0=("U8", [1], b"a")), "1 inputs and 1"),
    ],
)
def test_what_is_no_single_request(tmp_path, kept, why):
    if kept is not None:
        (tmp_path / "parity.json").write_text(kept)
    with pytest.raises(ExampleError, match=why) as caught:
        read(tmp_path, None, 0.0)
    assert "example" in caught.value.hint


def test_a_file_that_is_named_counts(tmp_path):
    (tmp_path / "example.json").write_text('{"inputs": ["a"], "outputs": [{"label": "x"}]}')
    assert read(tmp_path, "example.json", 0.1).outputs == [{"label": "x"}]
    (tmp_path / "example.json").write_text('{"inputs": ["a"]}')
    assert read(tmp_path, "example.json", 0.1).outputs is None


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("other.json", "", "there is no other.json among the files of the published model"),
        ("../outside.json", "", "there is no"),
        ("example.json", "[", "is no recorded request"),
        ("example.json", "[]", "is no recorded request"),
        ("example.json", '{"inputs": []}', "lists of the same length"),
        ("example.json", '{"inputs": [1], "outputs": [1, 2]}', "lists of the same length"),
    ],
)
def test_a_file_that_is_no_example(tmp_path, name, text, why):
    model = tmp_path / "model"
    model.mkdir()
    (tmp_path / "outside.json").write_text('{"inputs": [1]}')
    (model / "example.json").write_text(text)
    with pytest.raises(ExampleError, match=why):
        read(model, name, 0.1)
