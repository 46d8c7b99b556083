"""Bytecode of images: the same bytes for the same sources, whatever the machine and the time."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from mlops_ci.images import catalogue
from support.image_builds import Built

UNCHECKED_HASH = 1
LOOK = (
    "import collections, glob; places = ('/opt/venv/lib', '/usr/lib/python3');"
    "found = [path for place in places for path in glob.glob(f'{place}/**/*.pyc', recursive=True)];"
    "print(len(found), set(open(path, 'rb').read(8)[4] for path in found))"
)


def compiled(folder: Path) -> dict[str, bytes]:
    program = catalogue.load().folder / "common" / "compile.py"
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    subprocess.run([sys.executable, "-s", str(program), str(folder)], check=True, env=environment)
    return {path.name: path.read_bytes() for path in folder.rglob("*.pyc")}


def test_the_same_bytes_on_a_machine_of_one_processor(tmp_path: Path) -> None:
    for number in range(60):
        words = ", ".join(f"'word{(number + step) % 7}'" for step in range(5))
        (tmp_path / f"m{number}.py").write_text(f"def f(x):\n    return x in {{{words}}} and 'word{number % 3}'\n")
    (tmp_path / "other.py").write_text("this is no Python\n")
    first = compiled(tmp_path)
    for path in tmp_path.rglob("*.pyc"):
        path.unlink()
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        second = compiled(tmp_path)
    finally:
        os.sched_setaffinity(0, before)
    assert len(first) == 60
    assert first == second
    assert {data[4] for data in first.values()} == {UNCHECKED_HASH}


def test_all_bytecode_of_an_image_is_ours(train_image: Built, docker: Callable[..., str]) -> None:
    """pip and Debian make it with the times of files or with random hash seeds."""
    said = docker("run", "--rm", "--env", "MLOPS_SHM_ADVICE=off", train_image.ref, "python", "-c", LOOK)
    count, kinds = said.strip().splitlines()[-1].split(" ", 1)
    assert int(count) > 1000
    assert kinds == str({UNCHECKED_HASH})
