"""A real terminal: the bar stays on one line of it, and nothing of it is left behind."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

from mlops_ci.providers.bar import DONE
from support.cli import clean_environment

COLUMNS = 50
SCRIPT = """
import time
from mlops_ci.commands.voice import new_console
from mlops_ci.progress import activity
console = new_console(verbose=False)
with activity(console, "uploading") as shown:
    for number in range(1, 5):
        shown.update(number / 4, f"{number} of 4 files, " + "word " * 30)
        time.sleep(0.25)
        console.say(f"file {number}")
console.say("done")
"""


def screen(*, environment):
    """What came out of the terminal, and the lines that a person sees at the end."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=terminal, stdout=terminal, stderr=terminal, env=environment
    )
    os.close(terminal)
    raw = b""
    while True:
        try:
            piece = os.read(controller, 65536)
        except OSError:  # EIO: the last one who had the terminal open is gone
            break
        if not piece:
            break
        raw += piece
    os.close(controller)
    assert child.wait() == 0, raw.decode()
    text = raw.decode()
    return text, [row.split("\x1b[2K")[-1] for row in text.replace("\r\n", "\n").split("\n")]


def test_a_bar_on_a_terminal():
    environment = {**clean_environment({}), "TERM": "xterm", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    text, seen = screen(environment=environment)
    drawn = [piece for row in text.split("\n") for piece in row.split("\x1b[2K") if piece.startswith("uploading")]
    assert {piece.count(DONE) for piece in drawn} >= {6, 12, 18}
    assert max(len(piece.rstrip("\r")) for piece in drawn) < COLUMNS
    assert seen == [*(f"[mlops-ci] file {number}" for number in range(1, 5)), "[mlops-ci] done", ""]


def test_no_bar_on_a_dumb_terminal():
    text, seen = screen(environment={**clean_environment({}), "TERM": "dumb", "PYTHONIOENCODING": "utf-8"})
    assert "\x1b" not in text
    assert seen[-2] == "[mlops-ci] done"
