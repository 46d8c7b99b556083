"""A terminal: colours by request, headings for folds, and silence when nobody reads any more."""

from __future__ import annotations

import io
import os
import sys
import threading

import pytest

from mlops_ci.console import Console
from mlops_ci.providers.local import TerminalSink, local_provider, wants_colour
from mlops_ci.providers.stream import LineWriter


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environ", "terminal", "colour"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "0"}, True, False),
        ({"FORCE_COLOR": "false"}, True, False),
        ({"CLICOLOR_FORCE": "1"}, False, True),
        ({"CLICOLOR_FORCE": "0"}, True, False),
        ({"FORCE_COLOR": "1", "CLICOLOR_FORCE": "0"}, False, True),
    ],
)
def test_colours(environ, terminal, colour):
    assert wants_colour(environ, Terminal() if terminal else io.StringIO()) is colour


def test_a_closed_stream_wants_no_colour_and_takes_no_lines():
    stream = io.StringIO()
    stream.close()
    made = local_provider({}, stream)
    made.sink.line("nobody reads this")
    assert not made.sink.colour


def test_narration_without_colours():
    stream = io.StringIO()
    sink = TerminalSink(out=LineWriter(stream), colour=False)
    with Console(sink=sink).fold("build", "Build"):
        sink.line("\x1b[31mred\x1b[0m \x1b]0;title\x07x")
    sink.annotate("error", "usage", "first\nsecond", file="mlops.toml", line=2)
    sink.flush()
    lines = stream.getvalue().splitlines()
    assert lines[:2] == ["-- Build", "red x"]
    assert lines[2].startswith("[mlops-ci] ✓ Build (")
    assert lines[3:] == ["mlops.toml:2: error: usage", "  first", "  second"]


def test_narration_with_colours():
    stream = io.StringIO()
    sink = TerminalSink(out=LineWriter(stream), colour=True)
    sink.open_fold("a", "Build")
    sink.line("\x1b[31mred")
    sink.annotate("warning", "t", "x")
    assert stream.getvalue().splitlines() == [
        "\x1b[1m━━ Build\x1b[0m",
        "\x1b[31mred\x1b[0m",
        "\x1b[33mwarning: t\x1b[0m",
        "  x",
    ]


def test_a_reader_that_has_gone_is_no_error():
    """A real pipe whose other end is closed."""
    read, write = os.pipe()
    stream = os.fdopen(write, "w", buffering=1, encoding="utf-8")
    sink = TerminalSink(out=LineWriter(stream), colour=False)
    sink.line("read")
    assert os.read(read, 100) == b"read\n"
    os.close(read)
    for _ in range(3):
        sink.line("not read")
        sink.annotate("error", "t", "x")
    # What is left in the buffer is of no use to anybody; closing says so once more.
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_what_the_stream_cannot_encode_is_replaced():
    raw = io.BytesIO()
    sink = TerminalSink(out=LineWriter(io.TextIOWrapper(raw, encoding="ascii")), colour=False)
    sink.line("✓ done \udcff")
    assert raw.getvalue() == b"? done ?\n"


def test_lines_of_threads_stay_whole():
    stream = io.StringIO()
    sink = TerminalSink(out=LineWriter(stream), colour=False)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [
            threading.Thread(target=lambda word=word: [sink.line(word * 50) for _ in range(200)]) for word in "abcd"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 800
    assert set(lines) == {word * 50 for word in "abcd"}


def test_the_local_provider_keeps_to_itself():
    made = local_provider({}, io.StringIO())
    made.set_output("a", "b")
    made.summary("### x")
    assert (made.name, made.local, made.links(), made.attempt()) == ("local", True, {}, None)
    assert made.trusted()[0]
    assert made.sink.out.stream.getvalue() == ""
