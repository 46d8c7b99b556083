"""What people see: prefixed, redacted, quiet when green, whole when red."""

import pytest

from mlops_ci.console import KEPT_LINES, Console
from support.heard import Heard


def test_own_lines_carry_the_name_of_the_tool():
    sink = Heard()
    Console(sink=sink).say("one\ntwo")
    assert sink.lines == ["[mlops-ci] one", "[mlops-ci] two"]


def test_a_quiet_block_that_succeeds_shows_nothing():
    sink = Heard()
    console = Console(sink=sink)
    with console.quiet():
        console.output("chatter")
    console.output("after")
    assert sink.lines == ["after"]


def test_a_quiet_block_that_fails_shows_everything():
    sink = Heard()
    console = Console(sink=sink)
    with pytest.raises(ValueError, match="boom"), console.quiet():
        console.output("first")
        console.output("last")
        raise ValueError("boom")
    assert sink.lines == ["first", "last"]


def test_kept_lines_are_bounded():
    sink = Heard()
    console = Console(sink=sink)
    with pytest.raises(ValueError, match="boom"), console.quiet():
        for number in range(KEPT_LINES + 5):
            console.output(str(number))
        raise ValueError("boom")
    assert len(sink.lines) == KEPT_LINES
    assert sink.lines[-1] == str(KEPT_LINES + 4)


def test_secrets_are_hidden_here_and_at_the_provider():
    sink = Heard()
    console = Console(sink=sink)
    console.secret("hunter2hunter2")
    console.output("password hunter2hunter2")
    console.annotate("error", "t", "hunter2hunter2")
    assert sink.lines == ["password ***", "error: t: ***"]
    assert sink.annotations == [("error", "t", "***")]
    assert sink.masked == ["hunter2hunter2"]


def test_a_fold_ends_with_a_tick_or_a_cross():
    sink = Heard()
    console = Console(sink=sink)
    with console.fold("a", "good"):
        pass
    with pytest.raises(ValueError, match="x"), console.fold("b", "bad"):
        raise ValueError("x")
    assert sink.lines[0] == "> good"
    assert sink.lines[1].startswith("[mlops-ci] ✓ good (")
    assert sink.lines[3].startswith("[mlops-ci] ✗ bad (")
