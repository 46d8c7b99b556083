"""Long work shows that it is alive: a bar where one can be drawn, a line after a while of silence elsewhere."""

import threading
import time

import pytest

from mlops_ci.console import Console
from mlops_ci.progress import REDRAW_SECONDS, activity, long_step
from support.heard import Heard

PATIENCE = 10


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_on_a_terminal_a_bar_is_drawn_and_taken_away():
    sink = Heard(live=True)
    with activity(Console(sink=sink), "uploading") as shown:
        shown.update(0.25, "1 of 4 files")
        wait_for(lambda: sink.statuses)
    first, last = sink.statuses[0], sink.statuses[-1]
    assert (first.title, first.fraction, first.detail) == ("uploading", 0.25, "1 of 4 files")
    assert last is None
    assert sink.lines == []


def test_in_a_log_a_line_after_silence():
    sink = Heard()
    with activity(Console(sink=sink, heartbeat_seconds=0.01), "training", lambda: "step 3, loss 0.5"):
        wait_for(lambda: sink.lines)
    assert sink.lines[0].startswith("[mlops-ci] still training: step 3, loss 0.5 (")
    assert set(sink.statuses) == {None}


def test_a_job_that_speaks_needs_no_line_of_ours():
    sink = Heard()
    console = Console(sink=sink, heartbeat_seconds=0.3)
    with activity(console, "training"):
        for number in range(40):
            console.output(f"epoch {number}")
            time.sleep(0.02)
    assert [line for line in sink.lines if "still" in line] == []


def test_of_activities_within_each_other_the_innermost_is_shown():
    sink = Heard(live=True)
    console = Console(sink=sink)
    with activity(console, "outer"), activity(console, "inner"):
        time.sleep(3 * REDRAW_SECONDS)
        seen = {status.title for status in sink.statuses if status}
    assert seen == {"inner"}
    assert console.activities == []


@pytest.mark.parametrize(("told", "kept"), [(-1.0, 0.0), (0.5, 0.5), (7.0, 1.0), (None, None)])
def test_a_fraction_is_a_part_of_the_whole(told, kept):
    sink = Heard(live=True)
    with activity(Console(sink=sink), "x") as shown:
        shown.update(told)
        wait_for(lambda: sink.statuses)
    assert sink.statuses[0].fraction == kept


def test_after_an_error_no_bar_and_no_thread_is_left():
    sink = Heard(live=True)
    console = Console(sink=sink)
    before = threading.active_count()
    with pytest.raises(ValueError, match="boom"), long_step(console, "build", "building"):
        console.output("what the program said")
        raise ValueError("boom")
    assert threading.active_count() == before
    assert sink.statuses[-1] is None
    assert "what the program said" in sink.lines
