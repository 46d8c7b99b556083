"""A safetensors file is checked, every number of it."""

import json
import struct

import pytest

from mlops_ci.guest.safetensors import SafetensorsError, read_header


def write(path, header, data=b"", *, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def tensor(begin, end, dtype="F32", shape=(1,)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def test_a_good_file(tmp_path):
    header = {
        "__metadata__": {"format": "pt"},
        "b": tensor(0, 4),
        "a": tensor(4, 10, "BF16", (3, 1)),
        "s": tensor(10, 18, "I64", ()),
    }
    tensors, metadata = read_header(write(tmp_path / "x", header, b"x" * 18))
    assert metadata == {"format": "pt"}
    assert tensors["a"].shape == (3, 1)
    assert tensors["s"].end - tensors["s"].begin == 8


def test_an_empty_file_of_the_format(tmp_path):
    assert read_header(write(tmp_path / "x", {})) == ({}, {})


@pytest.mark.parametrize(
    ("header", "data"),
    [
        (b"{", b""), (b"[]", b""), (b"\xff\xff", b""), (b"[" * 100000, b""),
        ({"a": tensor(0, 4)}, b"xxx"), ({"a": tensor(0, 4)}, b"xxxxx"), ({"a": tensor(1, 5)}, b"xxxxx"),
        ({"a": tensor(0, 4), "b": tensor(2, 6)}, b"xxxxxx"), ({"a": tensor(0, 4), "b": tensor(8, 12)}, b"x" * 12),
        ({"a": tensor(0, 8)}, b"x" * 8), ({"a": tensor(0, 4, "F31")}, b"xxxx"), ({"a": tensor(0, -4)}, b""),
        ({"a": tensor(0, 4, shape=(-1, -1))}, b"xxxx"), ({"a": tensor(0, 4, shape=("1",))}, b"xxxx"),
        ({"a": tensor(0, 4, shape=(True,))}, b"xxxx"), ({"a": {"dtype": "F32"}}, b""), ({"a": 3}, b""),
    ],
    ids=range(17),
)  # fmt: skip
def test_a_damaged_file(tmp_path, header, data):
    with pytest.raises(SafetensorsError):
        read_header(write(tmp_path / "x", header, data))


@pytest.mark.parametrize("length", [100, 2**63, 100_000_001])
def test_a_header_longer_than_the_file(tmp_path, length):
    with pytest.raises(SafetensorsError):
        read_header(write(tmp_path / "x", {}, length=length))


def test_a_file_that_is_too_short(tmp_path):
    (tmp_path / "x").write_bytes(b"1234567")
    with pytest.raises(SafetensorsError, match="shorter"):
        read_header(tmp_path / "x")
