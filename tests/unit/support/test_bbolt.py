from __future__ import annotations

import struct
from pathlib import Path

import pytest

from support import bbolt


def read_database(data: bytes) -> dict[bytes, object]:
    """A reader written from the format's description alone: what bbolt does on open and on a full walk."""
    metas = [data[number * 4096 : (number + 1) * 4096] for number in (0, 1)]
    newest = max(metas, key=lambda page: struct.unpack_from("<Q", page, 64)[0])
    magic, version, page_size, _, root, _, freelist, end, _, checksum = struct.unpack_from("<IIIIQQQQQQ", newest, 16)
    assert (magic, version, page_size) == (0xED0CDAED, 2, 4096)
    assert checksum == bbolt.fnv1a(newest[16:72])
    assert end * 4096 == len(data)
    assert struct.unpack_from("<QHHI", data, freelist * 4096) == (freelist, 16, 0, 0)
    return read_leaf(data, memoryview(data)[root * 4096 :], root)


def read_leaf(data: bytes, page: memoryview, number: int) -> dict[bytes, object]:
    page_id, flags, count, overflow = struct.unpack_from("<QHHI", page)
    assert (page_id, flags) == (number, 2)
    found: dict[bytes, object] = {}
    end = 16 + 16 * count
    for index in range(count):
        at = 16 + 16 * index
        kind, position, key_size, value_size = struct.unpack_from("<IIII", page, at)
        key = bytes(page[at + position : at + position + key_size])
        value = page[at + position + key_size : at + position + key_size + value_size]
        found[key] = read_bucket(data, value) if kind == 1 else bytes(value)
        end = at + position + key_size + value_size
    assert list(found) == sorted(found)
    assert overflow == (0 if number == 0 else max(0, -(-end // 4096) - 1))
    return found


def read_bucket(data: bytes, value: memoryview) -> dict[bytes, object]:
    root, _ = struct.unpack_from("<QQ", value)
    if root == 0:
        return read_leaf(data, value[16:], 0)
    return read_leaf(data, memoryview(data)[root * 4096 :], root)


@pytest.mark.parametrize(
    ("data", "checksum"),
    [(b"", 0xCBF29CE484222325), (b"a", 0xAF63DC4C8601EC8C), (b"foobar", 0x85944171F73967E8)],
)
def test_checksum_agrees_with_the_published_vectors_of_fnv(data: bytes, checksum: int) -> None:
    # Vectors: RFC draft-eastlake-fnv, appendix C, FNV-1a 64 bits.
    assert bbolt.fnv1a(data) == checksum


@pytest.mark.parametrize(
    "content",
    [
        {},
        {b"empty": {}},
        {b"small": {b"k": b"v", b"a": b""}},
        {b"large": {f"{n:05}".encode(): b"x" * 50 for n in range(2000)}},
        {b"nested": {b"b": {b"deep": {b"k": b"v" * 3000}}, b"a": b"leaf"}, b"z": {b"k": b"v"}},
        {b"limit": {b"k": b"v" * 990}, b"over": {b"k": b"v" * 993}},
    ],
    ids=["nothing", "empty", "inline", "several pages", "nested", "around the inline limit"],
)
def test_what_is_written_can_be_read(tmp_path: Path, content: dict[bytes, object]) -> None:
    bbolt.write(tmp_path / "db", content)
    assert read_database((tmp_path / "db").read_bytes()) == content


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    bbolt.write(tmp_path / "one", {b"a": {b"x": b"1", b"y": b"2"}, b"b": {}})
    bbolt.write(tmp_path / "two", {b"b": {}, b"a": {b"y": b"2", b"x": b"1"}})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_what_the_format_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="none of them empty"):
        bbolt.write(tmp_path / "db", {b"a": {b"": b"v"}})
    with pytest.raises(ValueError, match="65535"):
        bbolt.write(tmp_path / "db", {b"a": {str(n).encode(): b"" for n in range(65536)}})
    assert not (tmp_path / "db").exists()
