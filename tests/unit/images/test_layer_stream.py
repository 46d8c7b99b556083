"""Layers as streams: packed in any way, cut off, and without a byte of their files in memory."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable

import pytest
from backports import zstd

from mlops_ci.images.layer_stream import LayerUnreadableError, members, unpacked_bytes
from support.layers import layer

PACKED: list[Callable[[bytes], bytes]] = [bytes, gzip.compress, zstd.compress]
# Builders write layers in parts that are packed by themselves.
PARTS = [
    lambda data: gzip.compress(data[:600]) + gzip.compress(data[600:]),
    lambda data: zstd.compress(data[:600]) + zstd.compress(data[600:]),
]


class Packed(io.RawIOBase):
    """What comes from a registry: a stream that cannot be wound back, in small pieces."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._left = io.BytesIO(data)
        self.largest = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self.largest = max(self.largest, len(buffer))
        piece = self._left.read(min(len(buffer), 1000))
        buffer[: len(piece)] = piece
        return len(piece)


@pytest.mark.parametrize("pack", [*PACKED, *PARTS])
def test_regular_files_count_and_hard_links_do_not(pack: Callable[[bytes], bytes]) -> None:
    data = layer({"a": b"x" * 5000, "b/c": b"y" * 70}, links={"again": "a"}, symlinks={"soft": "a"})
    stream = Packed(pack(data))
    assert unpacked_bytes(stream) == 5070
    assert stream.read(1) == b"", "it was read to its end, so that its digest is known"
    assert not stream.closed


def test_an_empty_layer_holds_nothing() -> None:
    assert unpacked_bytes(Packed(gzip.compress(layer({})))) == 0


def test_memory_does_not_grow_with_what_is_in_it() -> None:
    stream = Packed(zstd.compress(layer({"zeros": bytes(64 << 20)})))
    kept = []
    for archive, member in members(stream):
        kept.append(len(vars(archive)["members"]))
        assert member.size == 64 << 20
    assert stream.largest <= 1 << 20
    assert max(kept) <= 1


@pytest.mark.parametrize("pack", PACKED)
def test_one_that_is_cut_off_is_no_layer(pack: Callable[[bytes], bytes]) -> None:
    whole = pack(layer({"a": bytes(range(256)) * 40}))
    with pytest.raises(LayerUnreadableError) as caught:
        unpacked_bytes(Packed(whole[: len(whole) // 3]))
    assert caught.value.exit_code == 10


def test_what_is_no_archive_is_said() -> None:
    with pytest.raises(LayerUnreadableError, match="cannot be read"):
        unpacked_bytes(Packed(b"<html>a proxy's page</html>" * 100))


def test_it_is_a_true_archive_that_these_tests_make() -> None:
    with tarfile.open(fileobj=io.BytesIO(layer({"a": b"1"}))) as archive:
        assert archive.getnames() == ["a"]
