"""What pip on this machine is configured to use, so that a build inside the engine finds the same packages.

Read as pip reads it (pip documentation, "Configuration"): its files from the system's to the user's, then `PIP_*`
variables. Only what names sources of packages is taken.
"""

from __future__ import annotations

import configparser
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SECTIONS = ("global", "install")
MULTIPLE = ("extra-index-url", "find-links")
NAMES = ("index-url", *MULTIPLE)


@dataclass(frozen=True, kw_only=True)
class PipConfiguration:
    """Sources of packages: `index` is None for pip's own default."""

    index: str | None = None
    extra_indexes: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()


def read(environ: Mapping[str, str] | None = None, files: tuple[Path, ...] | None = None) -> PipConfiguration:
    """The configuration of this machine; `environ` and `files` replace where it is read from."""
    environment = os.environ if environ is None else environ
    found: dict[str, list[str]] = {}
    for path in configuration_files(environment) if files is None else files:
        found.update(_file(path))
    for name in NAMES:
        value = environment.get(f"PIP_{name.upper().replace('-', '_')}")
        if value is not None:
            found[name] = shlex.split(value)
    return PipConfiguration(
        index=next(iter(found.get("index-url", ())), None),
        extra_indexes=tuple(found.get("extra-index-url", ())),
        find_links=tuple(found.get("find-links", ())),
    )


def configuration_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The configuration files of pip on Linux, the weakest first; `PIP_CONFIG_FILE=/dev/null` switches them all off."""
    own = environ.get("PIP_CONFIG_FILE")
    if own == os.devnull:
        return ()
    home = Path(environ.get("HOME") or Path.home())
    system = environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    user = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    return (
        *(Path(folder, "pip", "pip.conf") for folder in reversed(system.split(os.pathsep)) if folder),
        Path("/etc/pip.conf"),
        home / ".pip" / "pip.conf",
        user / "pip" / "pip.conf",
        Path(sys.prefix, "pip.conf"),
        *((Path(own),) if own else ()),
    )


def _file(path: Path) -> dict[str, list[str]]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        # pip itself stops at such a file; it is not ours to judge, and a build may do without it.
        return {}
    found: dict[str, list[str]] = {}
    for section in SECTIONS:
        for name in NAMES:
            if parser.has_option(section, name):
                found[name] = parser.get(section, name).split()
    return found
