"""Writes the hash-pinned locks anew: images/*/requirements.<variant>.lock and requirements/*.lock.

    python bin/update_locks.py [--check] [--upgrade] [--find-links FOLDER]

Needs `uv` on PATH. PyTorch comes from the index of its variant in images/catalogue.toml; where that can't be reached,
from the local folders of pip's own configuration (or of --find-links), and the lock then holds the hashes of the wheels
that lie there. `--check` writes nothing and fails when a lock no longer fits its input.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.images import catalogue, lockfile, pip_configuration
from mlops_ci.images.catalogue import Catalogue, Variant

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "python bin/update_locks.py"
OLDEST_PYTHON = "3.11"


@dataclass(frozen=True, kw_only=True)
class Lock:
    """One lock: its input, its file, and the options of `uv pip compile` that only it needs."""

    source: Path
    target: Path
    options: tuple[str, ...] = ()


def main() -> int:
    """Write or check all locks; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a lock does not fit its input")
    parser.add_argument("--upgrade", action="store_true", help="take newer releases; without it locked ones are kept")
    parser.add_argument("--find-links", action="append", default=[], metavar="FOLDER", help="a folder with wheels")
    chosen = parser.parse_args()
    folders = [Path(link) for link in (*chosen.find_links, *pip_configuration.read().find_links) if Path(link).is_dir()]
    outdated = [lock.target for lock in locks(folders) if not refresh(lock, check=chosen.check, upgrade=chosen.upgrade)]
    for path in outdated:
        print(f"{path.relative_to(ROOT)} does not fit its input any more: run {COMMAND}", file=sys.stderr)
    return 1 if outdated else 0


def locks(folders: list[Path]) -> Iterator[Lock]:
    """All locks, those of lower layers first: the ones above must agree with them."""
    known = catalogue.load(ROOT / "images")
    for variant in known.variants.values():
        below: list[Path] = []
        for layer in known.layers.values():
            target = layer.lock_file(variant.name)
            if target is None:
                continue
            torch = layer.name == "torch"
            options = [word for path in below for word in ("--constraint", str(path.relative_to(ROOT)))]
            options += torch_options(known, variant, folders) if torch else []
            yield Lock(source=target.with_suffix(".in"), target=target, options=tuple(options))
            below.append(target)
    tool = ROOT / "requirements" / "tool.lock"
    yield Lock(source=ROOT / "pyproject.toml", target=tool, options=("--all-extras", "requirements/build.in"))
    dev = ROOT / "requirements" / "dev.lock"
    yield Lock(source=dev.with_suffix(".in"), target=dev, options=("--constraint", "requirements/tool.lock"))
    started = ROOT / "requirements" / "ci.lock"
    yield Lock(source=started.with_suffix(".in"), target=started)


def torch_options(known: Catalogue, variant: Variant, folders: list[Path]) -> list[str]:
    """Where PyTorch's wheels of this variant come from: a local folder that has one, else the variant's index."""
    version = f"{next(iter(known.series.values()))}{variant.local}"
    having = [folder for folder in folders if any(folder.glob(f"torch-{version}-*.whl"))]
    if having:
        return [word for folder in having for word in ("--find-links", str(folder))]
    return ["--extra-index-url", variant.index, "--index-strategy", "unsafe-best-match"]


def refresh(lock: Lock, *, check: bool, upgrade: bool) -> bool:
    """Compile one lock; False when it was only checked and differs."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "new.lock")
        if lock.target.exists():
            made.write_bytes(lock.target.read_bytes())
        options = [
            *("--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes", "--no-annotate", "--quiet"),
            *("--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", COMMAND),
            *(("--upgrade",) if upgrade else ()),
            *lock.options,
        ]
        words = ["uv", "pip", "compile", str(lock.source.relative_to(ROOT)), "--output-file", str(made), *options]
        subprocess.run(words, check=True, cwd=ROOT, env={**os.environ, "UV_NO_CONFIG": "1"})
        lockfile.read(made)
        if check:
            return lock.target.exists() and lock.target.read_bytes() == made.read_bytes()
        lock.target.parent.mkdir(parents=True, exist_ok=True)
        lock.target.write_bytes(made.read_bytes())
        print(f"wrote {lock.target.relative_to(ROOT)}")
        return True


if __name__ == "__main__":
    raise SystemExit(main())
