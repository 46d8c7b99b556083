"""A Python with one package: for the engine `inside`, which then has little to look at."""

from __future__ import annotations

import os
import shutil
import sysconfig
import venv
from pathlib import Path


def small_python(folder: Path) -> dict[str, str]:
    """Make it in `folder`, and give the variables by which it is the first on PATH."""
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for path in Path(sysconfig.get_path("purelib")).glob("packaging*"):
        shutil.copytree(path, site / path.name)
    return {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
