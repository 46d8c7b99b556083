"""Virtual environments in a chain: each layer has its own folder and sees the packages of the layers below."""

from __future__ import annotations

import os
from importlib.metadata import distributions
from pathlib import Path

from mlops_ci.files import digest_of, size_of, write_json
from mlops_ci.images.lookup import MARKER, MARKER_SCHEMA

CHAIN_FILE = "_mlops_parent.pth"
# Where the interpreter's path is too long for the kernel, a shell names it in the second line, and in the third.
LONG_PATH_HEADER = b"#!/bin/sh"


def python_of(environment: Path) -> Path:
    """The interpreter of an environment."""
    return environment / "bin" / "python"


def site_packages(environment: Path) -> Path:
    """The folder of an environment's packages."""
    return next((environment / "lib").glob("python3.*/site-packages"))


def chain(environment: Path, parent: Path) -> None:
    """Let the environment see its parent's packages, and through the parent's own chain those of all below."""
    line = f"import site; site.addsitedir({str(site_packages(parent))!r})\n"
    (site_packages(environment) / CHAIN_FILE).write_text(line, encoding="utf-8")


def inherit_scripts(environment: Path, parent: Path) -> None:
    """Give the environment its parent's commands (`torchrun`, `mlflow`), started by its own Python.

    Started from the parent's folder they would not see the packages of this layer.
    """
    for script in sorted((parent / "bin").iterdir()):
        target = environment / "bin" / script.name
        if target.exists() or target.is_symlink() or not script.is_file() or script.is_symlink():
            continue
        content = script.read_bytes()
        if not content.startswith(b"#!"):
            continue
        lines = content.split(b"\n")
        count = 3 if lines[0].strip() == LONG_PATH_HEADER else 1
        head = [line.replace(os.fsencode(parent), os.fsencode(environment)) for line in lines[:count]]
        target.write_bytes(b"\n".join([*head, *lines[count:]]))
        target.chmod(0o755)


def packages_in(environment: Path) -> tuple[str, ...]:
    """The distributions of this layer alone, as `name==version`, sorted."""
    found = distributions(path=[str(site_packages(environment))])
    return tuple(sorted({f"{str(item.name).lower()}=={item.version}" for item in found}))


def finish(environment: Path, *, key: str, parent: str | None) -> dict[str, object]:
    """Write the marker that says that the environment is whole; `parent` is the digest of the one below."""
    packages = packages_in(environment)
    marker: dict[str, object] = {
        "schema": MARKER_SCHEMA,
        "content_key": key,
        "folder": str(environment),
        "digest": f"sha256:{digest_of({'packages': packages, 'parent': parent})}",
        "bytes": size_of(environment),
        "packages": packages,
    }
    write_json(environment / MARKER, marker)
    return marker
