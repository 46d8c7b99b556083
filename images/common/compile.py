"""compile.py FOLDER...: bytecode for what has none yet, equal for equal sources whenever and wherever it is made.

The usual bytecode names the time of its source, and pip's and Debian's own steps make it with random hash seeds: two
builds of one image would differ. Any uid on a read-only root file system starts faster with it. Run as
`PYTHONHASHSEED=0 python3 -s compile.py`.
"""

import importlib.util
import os
import py_compile
import sys


def sources(folder: str) -> list[str]:
    """The Python files below the folder that have no bytecode, sorted."""
    found = []
    for place, folders, files in os.walk(folder):
        folders.sort()
        paths = [os.path.join(place, name) for name in sorted(files) if name.endswith(".py")]
        found += [path for path in paths if not os.path.exists(importlib.util.cache_from_source(path))]
    return found


def main(folders: list[str]) -> None:
    """Compile; a file for another Python, as some packages hold them, is left as it is."""
    for folder in folders:
        for path in sources(folder):
            py_compile.compile(
                path, quiet=2, doraise=False, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
            )


if __name__ == "__main__":
    main(sys.argv[1:])
