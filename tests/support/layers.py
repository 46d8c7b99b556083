"""Layers of images as archives, made in memory."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from types import MappingProxyType

NONE: Mapping[str, str] = MappingProxyType({})


def layer(
    files: Mapping[str, bytes],
    *,
    modes: Mapping[str, int] = MappingProxyType({}),
    links: Mapping[str, str] = NONE,
    symlinks: Mapping[str, str] = NONE,
    folders: tuple[str, ...] = (),
) -> bytes:
    """The archive of a layer with these files; `links` are hard ones, by their new names."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name in folders:
            archive.addfile(_entry(name, tarfile.DIRTYPE, 0o755))
        for name, content in files.items():
            entry = _entry(name, tarfile.REGTYPE, modes.get(name, 0o644))
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for kind, pairs in ((tarfile.LNKTYPE, links), (tarfile.SYMTYPE, symlinks)):
            for name, target in pairs.items():
                entry = _entry(name, kind, 0o777)
                entry.linkname = target
                archive.addfile(entry)
    return made.getvalue()


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = kind, mode
    return entry
