"""How pip is called: with the sources of the settings, and without what would lead it astray."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from mlops_ci import process
from mlops_ci.images.sources import PackageSources

# Settings of the user's pip that would install into another place than the environment.
FOREIGN = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV", "PYTHONPATH", "PYTHONHOME")


def pip_environment(packages: PackageSources | None = None) -> Mapping[str, str]:
    """Our environment without what would lead pip astray; pip's own configuration counts unless the settings do."""
    found = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    found.update(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1", PIP_PROGRESS_BAR="off")
    if packages is None:
        return found
    if packages.configured:
        for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
            found.pop(name, None)
        found["PIP_CONFIG_FILE"] = os.devnull
    if packages.configured_ca is not None:
        found["PIP_CERT"] = str(packages.configured_ca)
    return found


def compiling(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """What keeps pip from compiling modules that mostly nobody imports, half of the time of PyTorch's installation.

    Those that are imported are compiled then, once; where that is switched off pip does it, as it does by itself.
    """
    return () if environ.get("PYTHONDONTWRITEBYTECODE") else ("--no-compile",)


def source_lines(packages: PackageSources, *, torch_index: bool) -> str:
    """A requirements file that only names sources: addresses with credentials never become arguments."""
    lines: list[tuple[str, str]] = []
    if packages.configured:
        lines.append(("--index-url", packages.index or ""))
    if torch_index and packages.torch_index:
        lines.append(("--extra-index-url", packages.torch_index))
    lines += [("--find-links", str(place)) for place in (*packages.folders, *packages.pages)]
    return "".join(f"{option} {shlex.quote(value)}\n" for option, value in lines)


def program(folder: Path) -> list[str | Path]:
    """Our own Python's pip; where it has none, that of an environment made for it in `folder`."""
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    if not (folder / "bin" / "pip").exists():
        process.run([sys.executable, "-m", "venv", "--clear", folder], environment=pip_environment(), leashed=True)
    return [folder / "bin" / "python", "-m", "pip"]
