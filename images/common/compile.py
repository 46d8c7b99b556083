"""compile.py FOLDER...: bytecode for what has none yet, equal for equal sources whenever and wherever it is made.

The usual bytecode names the time of its source, and pip's and Debian's own steps make it with random hash seeds: two
builds of one image would differ. Any uid on a read-only root file system starts faster with it. Run as
`PYTHONHASHSEED=0 python3 -s compile.py`.

What an interpreter has compiled before shows in the bytes that it writes next. So the files go into a fixed number of
parts, each for an interpreter of its own, however many of them this machine runs at once.
"""

import concurrent.futures
import importlib.util
import os
import py_compile
import subprocess
import sys

PARTS = 16


def sources(folder: str) -> list[str]:
    """The Python files below the folder that have no bytecode, sorted."""
    found = []
    for place, folders, files in os.walk(folder):
        folders.sort()
        paths = [os.path.join(place, name) for name in sorted(files) if name.endswith(".py")]
        found += [path for path in paths if not os.path.exists(importlib.util.cache_from_source(path))]
    return found


def compiled(paths: list[str]) -> None:
    """Compile; a file for another Python, as some packages hold them, is left as it is."""
    for path in paths:
        py_compile.compile(
            path, quiet=2, doraise=False, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
        )


def handed_on(paths: list[str]) -> None:
    """Let another interpreter compile."""
    if paths:
        words = [sys.executable, "-s", os.path.abspath(__file__), "-"]
        subprocess.run(words, input=os.fsencode("\n".join(paths)), check=True)


def main(words: list[str]) -> None:
    """The folders that are named, or with `-` the files that standard input names."""
    if words == ["-"]:
        compiled([os.fsdecode(path) for path in sys.stdin.buffer.read().split(b"\n")])
        return
    paths = [path for folder in words for path in sources(folder)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(handed_on, (paths[part::PARTS] for part in range(PARTS))))


if __name__ == "__main__":
    main(sys.argv[1:])
