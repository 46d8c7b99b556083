"""What is in an image, told from its layers: the same inventory that the program inside of it would make.

Layers are put on each other as an engine does it (OCI image specification, "Image Layer Filesystem Changeset").
"""

from __future__ import annotations

import hashlib
import io
import stat
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from mlops_ci.guest.inventory import CHUNK, FOUND, MOUNTED, PRIVATE, RECORD, distribution, rules_of, with_password
from mlops_ci.images.layer_stream import members
from mlops_ci.images.look import Inventory, Package

SHADOW = "/etc/shadow"
GONE, OPAQUE = ".wh.", ".wh..wh..opq"
KINDS: Mapping[bytes, int] = {
    tarfile.REGTYPE: stat.S_IFREG,
    tarfile.AREGTYPE: stat.S_IFREG,
    tarfile.CONTTYPE: stat.S_IFREG,
    tarfile.DIRTYPE: stat.S_IFDIR,
    tarfile.SYMTYPE: stat.S_IFLNK,
    tarfile.CHRTYPE: stat.S_IFCHR,
    tarfile.BLKTYPE: stat.S_IFBLK,
    tarfile.FIFOTYPE: stat.S_IFIFO,
}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One path: `mode` with its kind, `size` in bytes; `again`: a further name of a file that has another one.

    `private`: a private key. `package` and `users` are what a RECORD and /etc/shadow say. `about` is what two images
    are compared by; nothing unless digests were asked for.
    """

    mode: int
    size: int
    again: bool = False
    private: bool = False
    package: Package | None = None
    users: tuple[str, ...] = ()
    about: tuple[Any, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Tree:
    """One layer: what it brings, the paths that it takes away, and the folders of which it takes all away."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    emptied: frozenset[str] = frozenset()


def read(packed: io.RawIOBase, *, digests: bool = False) -> Tree:
    """The tree of one layer."""
    entries: dict[str, Entry] = {}
    gone: set[str] = set()
    emptied: set[str] = set()
    for archive, member in members(packed):
        path = str(PurePosixPath("/", member.name.removeprefix("./")))
        folder, _, name = path.rpartition("/")
        if name == OPAQUE:
            emptied.add(folder)
        elif name.startswith(GONE):
            gone.add(f"{folder}/{name.removeprefix(GONE)}")
        elif member.islnk():
            target = str(PurePosixPath("/", member.linkname.removeprefix("./")))
            if target in entries:
                entries[path] = replace(entries[target], again=True)
        elif member.type in KINDS and path != "/" and path not in MOUNTED:
            entries[path] = _entry(archive, member, path, digests=digests)
    return Tree(entries=entries, gone=frozenset(gone), emptied=frozenset(emptied))


def together(layers: Iterable[Tree]) -> dict[str, Entry]:
    """The files of an image whose layers these are, the lowest first."""
    found: dict[str, Entry] = {}
    for layer in layers:
        covered = {path for path in layer.entries.keys() & found.keys() if _ends_a_folder(found, layer, path)}
        away = layer.gone | covered
        if away or layer.emptied:
            found = {path: one for path, one in found.items() if not _is_gone(path, away, layer.emptied)}
        found.update(layer.entries)
    return found


def _ends_a_folder(found: Mapping[str, Entry], layer: Tree, path: str) -> bool:
    return stat.S_ISDIR(found[path].mode) and not stat.S_ISDIR(layer.entries[path].mode)


def inventory(files: Mapping[str, Entry]) -> Inventory:
    """What the rules are about, as `guest/inventory.py` tells it from inside."""
    lists: dict[str, list[str]] = {name: [] for name in FOUND}
    regular = [one for one in files.values() if stat.S_ISREG(one.mode) and not one.again]
    for path in sorted(files):
        one = files[path]
        for rule in rules_of(path, one.mode, one.size):
            if rule != "private_keys" or one.private:
                lists[rule].append(path)
    compiled = (one.size for path, one in files.items() if path.endswith(".pyc") and not one.again)
    shadow = files.get(SHADOW)
    return Inventory(
        **{name: tuple(paths) for name, paths in lists.items()},
        passwords=shadow.users if shadow is not None else (),
        packages=tuple(one.package for _, one in sorted(files.items()) if one.package is not None),
        bytes=sum(one.size for one in regular),
        bytecode=sum(compiled),
        count=len(regular),
        files={path: list(one.about) for path, one in files.items() if one.about},
    )


def _is_gone(path: str, away: AbstractSet[str], emptied: AbstractSet[str]) -> bool:
    above = path
    while above:
        if above in away:
            return True
        above = above.rpartition("/")[0]
        if above in emptied:
            return True
    return False


def _entry(archive: tarfile.TarFile, member: tarfile.TarInfo, path: str, *, digests: bool) -> Entry:
    mode, size = member.mode | KINDS[member.type], member.size if member.isreg() else 0
    record = RECORD.search(path)
    small = record is not None or path == SHADOW or "private_keys" in rules_of(path, mode, size)
    data = _content(archive, member) if small and member.isreg() else b""
    lines = data.decode("utf-8", "replace").splitlines() if record is not None or path == SHADOW else []
    return Entry(
        mode=mode,
        size=size,
        private=PRIVATE.search(data) is not None,
        package=Package(**distribution(record[1], lines)) if record is not None else None,
        users=tuple(with_password(lines)) if path == SHADOW else (),
        about=_about(archive, member, data) if digests else (),
    )


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(member)
    return stream.read() if stream is not None else b""


def _about(archive: tarfile.TarFile, member: tarfile.TarInfo, data: bytes) -> tuple[Any, ...]:
    """Mode, owner, size, time and content, in the form of `guest/inventory.py`."""
    said = f"-> {member.linkname}" if member.issym() else ""
    if member.isreg():
        made = hashlib.sha256(data)
        stream = archive.extractfile(member) if not data else None
        for piece in iter(lambda: stream.read(CHUNK) if stream is not None else b"", b""):
            made.update(piece)
        said = made.hexdigest()
    size = member.size if member.isreg() else 0
    return (oct(stat.S_IMODE(member.mode)), member.uid, member.gid, size, int(member.mtime), said)


def chain(layers: Sequence[Tree]) -> Inventory:
    """The inventory of an image of these layers."""
    return inventory(together(layers))
