"""Raw output becomes lines, however it is cut."""

from __future__ import annotations

import pytest

from mlops_ci.engines.lines import LONGEST, LineSplitter


def split(*pieces: bytes) -> list[str]:
    lines: list[str] = []
    splitter = LineSplitter(lines.append)
    for piece in pieces:
        splitter.feed(piece)
    splitter.close()
    return lines


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_the_cuts_do_not_matter(size: int):
    text = "erste\nzweite: grün 漢字 🙂\r\n\n\nlast without newline"
    data = text.encode()

    assert split(*(data[at : at + size] for at in range(0, len(data), size))) == [
        "erste",
        "zweite: grün 漢字 🙂",
        "",
        "",
        "last without newline",
    ]


def test_no_output_is_no_line():
    assert split() == []
    assert split(b"") == []
    assert split(b"\n") == [""]


def test_only_newlines_end_lines():
    assert split("a\x0bb\x85c\u2028d\re\n".encode()) == ["a\x0bb\x85c\u2028d\re"]


def test_bytes_that_are_not_utf_8_are_replaced():
    assert split(b"\xff\xfe\n", "ü".encode()[:1]) == ["\ufffd\ufffd", "\ufffd"]


def test_a_line_without_an_end_comes_in_pieces_and_whole():
    lines = split(*[b"x" * 50_000] * 10)

    assert "".join(lines) == "x" * 500_000
    assert max(map(len, lines)) == LONGEST
    assert split(b"y" * (LONGEST + 1) + b"\n") == ["y" * LONGEST, "y"]


def test_a_listener_that_raises_is_not_told_the_line_again():
    told: list[str] = []

    def listener(line: str) -> None:
        told.append(line)
        if line == "b":
            raise OSError

    splitter = LineSplitter(listener)
    with pytest.raises(OSError):
        splitter.feed(b"a\nb\nc")
    splitter.feed(b"d\n")

    assert told == ["a", "b", "cd"]
