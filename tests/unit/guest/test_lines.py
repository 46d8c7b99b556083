"""Raw output becomes lines."""

import pytest

from mlops_ci.guest.output.lines import LONGEST, SPARE, Line, LineSplitter


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def lines_of(*pieces, close=True):
    seen = []
    splitter = LineSplitter(seen.append)
    for piece in pieces:
        splitter.feed(piece)
    if close:
        splitter.close()
    return seen


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"a\nb\n"], [b"a", b"b"]),
        ([b"a", b"b\nc"], [b"ab", b"c"]),
        ([b"\n\n"], [b"", b""]),
        ([b"a\r\nb\r\n"], [b"a", b"b"]),
        ([b"a\r", b"\nb"], [b"a", b"b"]),
        ([b"10%\r20%\r30%\n"], [b"30%"]),
        ([b"10%", b"\r20%", b"\r", b"30%", b"\n"], [b"30%"]),
        ([b"\r10%\r\n"], [b"10%"]),
        ([b"10%\rdone\nnext"], [b"done", b"next"]),
        ([b""], []),
    ],
)
def test_where_a_line_ends(pieces, lines):
    assert [line.text for line in lines_of(*pieces)] == lines


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_the_pieces_do_not_matter(size):
    data = b"first\r\nsecond 1%\rsecond 2%\n\nthird" + b"\xc3\xa9" * 10
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert [line.text for line in lines_of(*pieces)] == [line.text for line in lines_of(data)]


def test_a_giant_line_is_cut_and_counted():
    seen = lines_of(*[b"x" * 60000] * 100, b"\nnext\n")
    assert len(seen[0].text) == LONGEST + SPARE
    assert seen[0].dropped == 6_000_000 - LONGEST - SPARE
    assert seen[1] == Line(b"next")


def test_a_redrawn_line_starts_counting_anew():
    seen = lines_of(b"x" * 100000 + b"\rshort\n")
    assert seen == [Line(b"short")]


def test_unfinished_text_is_shown_now_and_then(clock):
    seen = []
    splitter = LineSplitter(seen.append, clock=clock)
    for _ in range(120):
        clock.now += 0.125
        splitter.feed(b".")
        splitter.tick()
    assert [len(line.text) for line in seen if line.progress] == [40, 80, 120]
    splitter.feed(b"\n")
    assert seen[-1] == Line(b"." * 120)


def test_unchanged_progress_is_not_repeated(clock):
    seen = []
    splitter = LineSplitter(seen.append, clock=clock)
    splitter.feed(b"waiting")
    for _ in range(10):
        clock.now += 10
        splitter.tick()
    assert seen == [Line(b"waiting", progress=True)]
