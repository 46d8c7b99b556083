"""A build whose client is killed leaves nothing behind, and the next one is whole."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from support.image_builds import ImageProject

TESTS = Path(__file__).parents[2]
CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from support.image_builds import ImageProject
base = {"images": {"debian:bookworm-slim": sys.argv[4]}}
project = ImageProject(root=Path(sys.argv[2]), engine="docker", name=sys.argv[3], mirrors=base)
built = project.build(layer="base", dockerfile="Dockerfile")
print("built" if built.images["project"].built else "reused")
"""


def running(text: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line:
            found.append(line)
    return found


def wait_until(check: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def test_killed_in_the_middle(project: ImageProject, base_image: str) -> None:
    project.build(layer="base")
    seconds = f"{30 + secrets.randbelow(1000) / 1000:.3f}"
    text = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY wait /wait\nRUN sh /wait\n"
    project.write(Dockerfile=text, wait=f"sleep {seconds}\n")
    words = [sys.executable, "-c", CHILD, str(TESTS), str(project.root), project.name, base_image]
    first = subprocess.Popen(words, env=os.environ.copy())
    wait_until(lambda: bool(running(f"sleep {seconds}")), 30)
    first.send_signal(signal.SIGKILL)
    first.wait()
    wait_until(lambda: not running(f"sleep {seconds}"), 10)
    wait_until(lambda: not running(str(project.root / ".mlops")), 10)
    project.write(wait="true\n")
    finished = subprocess.run(words, env=os.environ.copy(), check=True, capture_output=True, text=True)
    assert finished.stdout.strip() == "built"
    assert not (project.root / ".mlops" / "cache" / "builds" / "context").exists()
