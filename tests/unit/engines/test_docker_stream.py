"""Frames are taken apart wherever the connection cuts them."""

from __future__ import annotations

import pytest

from mlops_ci.engines.docker_stream import FrameReader


def frame(stream: int, content: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(content).to_bytes(4, "big") + content


FRAMES = frame(1, b"out one\n") + frame(2, b"err\n") + frame(1, b"") + frame(1, b"x" * 70_000) + frame(2, b"end")


@pytest.mark.parametrize("size", [1, 3, 8, 9, 4096, 10**6])
def test_the_cuts_do_not_matter(size: int):
    reader = FrameReader()

    content = b"".join(reader.feed(FRAMES[at : at + size]) for at in range(0, len(FRAMES), size))

    assert content == b"out one\nerr\n" + b"x" * 70_000 + b"end"


def test_nothing_is_nothing():
    assert FrameReader().feed(b"") == b""
