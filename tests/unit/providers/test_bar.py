"""The bar: one line, whatever it has to say."""

import io

import pytest

from mlops_ci.console import Status
from mlops_ci.providers.bar import DONE, WIDTH, bar
from mlops_ci.providers.local import TerminalSink, local_provider
from mlops_ci.providers.stream import ERASE, LineWriter
from mlops_ci.providers.text import plain


def status(fraction=0.5, title="uploading", seconds=12.0, detail="1 of 2 files"):
    return Status(title=title, seconds=seconds, fraction=fraction, detail=detail)


def test_a_half():
    text = bar(status(), columns=80, colour=False)
    assert text == f"uploading {DONE * 12}{'─' * 12}  50%  1 of 2 files  (12 s)"


@pytest.mark.parametrize(("fraction", "done"), [(0.0, 0), (1.0, WIDTH), (0.04, 1)])
def test_how_much_is_drawn(fraction, done):
    assert bar(status(fraction), columns=80, colour=False).count(DONE) == done


def test_without_a_known_end_a_piece_moves_to_and_fro():
    places = [bar(status(None, seconds=second / 8), columns=80, colour=False).index(DONE) for second in range(37)]
    assert places[0] == min(places)
    assert places[18] == max(places) == places[0] + WIDTH - 6
    assert places[36] == places[0]


@pytest.mark.parametrize("columns", [20, 30, 40, 80])
@pytest.mark.parametrize("colour", [True, False])
def test_it_is_never_wider_than_the_terminal(columns, colour):
    text = bar(status(title="a long title " * 9, detail="detail " * 30), columns=columns, colour=colour)
    assert "\n" not in text
    assert len(plain(text)) < max(columns, WIDTH + 1 if colour else 0)


def test_what_a_job_names_its_metrics_cannot_command_the_terminal():
    assert "\x1b" not in bar(status(detail="loss\x1b[2J\n1"), columns=80, colour=False)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_lines_are_written_above_the_bar():
    stream = io.StringIO()
    sink = TerminalSink(out=LineWriter(stream), colour=False, live=True)
    sink.status(status())
    drawn = bar(status(), columns=80, colour=False)
    sink.line("a line")
    sink.status(None)
    sink.line("after it")
    assert stream.getvalue() == f"{ERASE}{drawn}{ERASE}a line\n{drawn}{ERASE}after it\n"


@pytest.mark.parametrize(
    ("environ", "stream", "live"),
    [
        ({"TERM": "xterm"}, Terminal(), True),
        ({"TERM": "dumb"}, Terminal(), False),
        ({"TERM": "xterm"}, io.StringIO(), False),
        ({"TERM": "xterm", "CI": "true"}, Terminal(), False),
    ],
)
def test_only_a_person_at_a_terminal_sees_a_bar(environ, stream, live):
    made = local_provider(environ, stream)
    assert made.sink.live is live
    made.sink.status(status())
    assert bool(stream.getvalue()) is live
