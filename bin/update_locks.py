"""Writes the hash-pinned locks anew: images/*/requirements.<variant>.lock, images/locks.toml and requirements/*.lock.

    python bin/update_locks.py [--check] [--upgrade] [--find-links FOLDER] [--variant 2.9-cu128 ...]

Needs `uv` on PATH. PyTorch comes from the index of its variant in images/catalogue.toml; where that can't be reached,
from the local folders of pip's own configuration (or of --find-links), and the lock then holds the hashes of the wheels
that lie there. A variant that cannot be locked is marked as pending in images/locks.toml, with the reason. No release
younger than seven days is taken. `--check` writes nothing and fails when a lock no longer fits its input.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lock_compile import COMMAND, ROOT, Compiler, Unreachable
from lock_layers import VariantLocks, moved

from mlops_ci.images import catalogue_file, pip_configuration
from mlops_ci.images.catalogue import Catalogue, Variant


@dataclass(frozen=True, kw_only=True)
class Lock:
    """One lock of the project itself: its input, its file, and the options of `uv pip compile` that only it needs."""

    source: Path
    target: Path
    options: tuple[str, ...] = ()


OWN = ROOT / "requirements"
LOCKS = (
    Lock(source=ROOT / "pyproject.toml", target=OWN / "tool.lock", options=("--all-extras", "requirements/build.in")),
    Lock(source=OWN / "dev.in", target=OWN / "dev.lock", options=("--constraint", "requirements/tool.lock")),
    Lock(source=OWN / "ci.in", target=OWN / "ci.lock"),
)


def main() -> int:
    """Write or check all locks; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a lock does not fit its input")
    parser.add_argument("--upgrade", action="store_true", help="take newer releases; without it locked ones are kept")
    parser.add_argument("--find-links", action="append", default=[], metavar="FOLDER", help="a folder with wheels")
    parser.add_argument("--variant", action="append", default=[], metavar="NAME", help="only these variants' locks")
    chosen = parser.parse_args()
    links = (*chosen.find_links, *pip_configuration.read().find_links)
    folders = tuple(Path(link) for link in links if Path(link).is_dir())
    compiler = Compiler(upgrade=chosen.upgrade)
    known = catalogue_file.read(ROOT / "images", complete=False)
    texts, state = layer_locks(known, compiler, folders, only=chosen.variant)
    texts |= {ROOT / "images" / catalogue_file.LOCKS: state}
    if not chosen.variant:
        texts |= dict(own_locks(compiler))
    outdated = [path for path, text in texts.items() if not path.is_file() or path.read_text() != text]
    for path in outdated:
        if chosen.check:
            print(f"{path.relative_to(ROOT)} does not fit its input any more: run {COMMAND}", file=sys.stderr)
        else:
            write(path, texts[path])
    catalogue_file.read(ROOT / "images")
    return 1 if outdated and chosen.check else 0


def write(path: Path, text: str) -> None:
    """Write a lock and say what moved."""
    print(f"wrote {path.relative_to(ROOT)}")
    if path.suffix == ".lock":
        print("\n".join(moved(path, text)))
    path.write_text(text, encoding="utf-8")


def layer_locks(
    known: Catalogue, compiler: Compiler, folders: tuple[Path, ...], *, only: list[str]
) -> tuple[dict[Path, str], str]:
    """The locks of all layers in all variants, and the text that says what could not be locked."""
    texts: dict[Path, str] = {}
    pending = {name: one.pending for name, one in known.variants.items() if one.pending}
    lacks = dict(known.lacks)
    for variant in known.variants.values():
        if only and variant.id not in only:
            continue
        locks = VariantLocks(known=known, variant=variant, compiler=compiler, folders=folders)
        try:
            locks.write()
        except Unreachable as error:
            print(f"{variant.id}: {variant.index} does not answer ({error})", file=sys.stderr)
            if not complete(known, variant):
                pending[variant.id] = f"they need PyTorch's own index {variant.index}, which did not answer"
            continue
        pending.pop(variant.id, None)
        lacks = {name: what for name, what in lacks.items() if not name.endswith(f"/{variant.id}")} | locks.lacks
        texts |= locks.made
    return texts, state_text(known, pending, lacks)


def complete(known: Catalogue, variant: Variant) -> bool:
    """Whether a variant has all its locks already."""
    layers = [layer for layer in known.layers.values() if layer.kind in (None, variant.kind)]
    files = [layer.lock_file(variant) for layer in layers]
    return all(path.is_file() for path in files if path is not None)


def state_text(known: Catalogue, pending: Mapping[str, str], lacks: Mapping[str, tuple[str, ...]]) -> str:
    """The text of locks.toml."""
    lines = [f"# What could not be locked, and why. Written by {COMMAND} (`nox -s update`).", "", "[pending]"]
    lines += [f"{json.dumps(name)} = {json.dumps(pending[name])}" for name in known.variants if name in pending]
    lines += ["", "[lacks]"]
    lines += [f"{json.dumps(name)} = {json.dumps(list(what))}" for name, what in sorted(lacks.items())]
    return "\n".join(lines) + "\n"


def own_locks(compiler: Compiler) -> Iterator[tuple[Path, str]]:
    """The locks of the tool, of its tests and of what CI starts with."""
    import tempfile

    for lock in LOCKS:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder, "new.lock")
            made.write_bytes(lock.target.read_bytes() if lock.target.exists() else b"")
            compiler.run(lock.source.relative_to(ROOT), made, lock.options)
            yield lock.target, made.read_text(encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
