"""What a program prints cannot command the terminal or the log that shows it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_ci.providers.text import Painter, bones, plain, rows

RED, BOLD, RESET = "\x1b[31m", "\x1b[1m", "\x1b[0m"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb\x1b[0mc", "abc"),
        ("title \x1b]0;owned\x07x", "title x"),
        ("link \x1b]8;;http://x\x1b\\y\x1b]8;;\x1b\\", "link y"),
        ("clear \x1b[2J\x1b[Hx", "clear x"),
        ("bell\x07 back\x08 nul\x00 del\x7f csi\x9b", "bell back nul del csi"),
        ("half \x1b", "half "),
        ("half \x1b[31", "half "),
        ("tab\tstays", "tab\tstays"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_plain(text, shown):
    assert plain(text).replace("[31", "") == shown


@given(
    st.text(alphabet=st.characters(codec="utf-8"), max_size=30)
    | st.text(alphabet="\x1b[]0123456789;m\x07\\a\x9b", max_size=30)
)
def test_nothing_that_controls_is_left(text):
    for made in (plain(text), Painter(False).paint(text)):
        assert not any((ord(one) < 32 and one not in "\t\n") or 127 <= ord(one) < 160 for one in made)
    painted = Painter(True).paint(text)
    assert "\x1b" not in re.sub(r"\x1b\[[0-9;:]*m", "", painted)
    assert "\n" not in painted


def test_of_a_progress_bar_the_last_state_is_shown():
    assert rows(" 10%|#\r 50%|###\r100%|####\r") == ["100%|####"]
    assert rows("a\rb\nc\r\n") == ["b", "c", ""]
    assert rows("") == [""]


def test_invisible_characters_hide_nothing():
    assert bones("\u200b:\u00ad:\u0301err\u2060or::") == "::error::"


class TestPainter:
    def test_colours_stay_and_end_with_the_line(self):
        assert Painter(True).paint(f"{RED}x{RESET} y\x1b[2J") == f"{RED}x{RESET} y{RESET}"

    def test_without_colour_there_is_none(self):
        assert Painter(False).paint(f"{RED}x{RESET}") == "x"

    def test_what_is_left_open_is_opened_again(self):
        painter = Painter(True)
        assert painter.paint(f"{RED}{BOLD}one") == f"{RED}{BOLD}one{RESET}"
        assert painter.paint("two") == f"{RED}{BOLD}two{RESET}"
        assert painter.paint(f"three{RESET}") == f"{RED}{BOLD}three{RESET}{RESET}"
        assert painter.paint("four") == "four"

    def test_our_own_lines_are_not_painted_by_others(self):
        painter = Painter(True)
        painter.paint(f"{RED}one")
        assert painter.paint("[mlops-ci] own") == "[mlops-ci] own"
        assert painter.paint("two") == f"{RED}two{RESET}"

    def test_colours_do_not_pile_up(self):
        painter = Painter(True)
        for _ in range(100):
            painter.paint(RED)
        assert len(painter.paint("x")) < 60

    def test_a_new_program_starts_without(self):
        painter = Painter(True)
        painter.paint(f"{RED}one")
        painter.forget()
        assert painter.paint("two") == "two"
