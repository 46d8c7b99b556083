"""Others' linters, as the tests call them: the program beside the running Python, else on PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


def tool(repository: Path, name: str, *arguments: str) -> tuple[int, str]:
    """Exit code and everything said, of a linter that runs in this repository."""
    program = shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert program is not None, name
    done = subprocess.run(
        [program, *arguments], cwd=repository, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    return done.returncode, done.stdout + done.stderr


def zizmor(repository: Path) -> tuple[int, str]:
    """At its strictest."""
    return tool(repository, "zizmor", "--offline", "--no-progress", "--persona", "pedantic", ".github")


def actionlint(repository: Path) -> tuple[int, str]:
    """With the declared labels of the repository."""
    return tool(repository, "actionlint", "-no-color")
