"""What lies in a data folder: regular files, and symbolic links that stay inside. Anything else is refused by name."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.datasets.errors import DataAccessError, DataChangedError, DataMissingError, UnsafeDataError

_READABLE = "give this user read permission"


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """A regular file: path relative to the folder with `/`, size in bytes, times in ns since the epoch."""

    path: str
    bytes: int
    modified_ns: int
    changed_ns: int
    inode: int


@dataclass(frozen=True, kw_only=True)
class Link:
    """A relative symbolic link that stays inside the folder."""

    path: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Both sorted by path. Empty folders do not count."""

    files: tuple[FileEntry, ...]
    links: tuple[Link, ...]

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(file.bytes for file in self.files)


def list_folder(folder: Path) -> Listing:
    """Raises `DataMissingError`, `UnsafeDataError` and `DataAccessError`, each with the path."""
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise DataMissingError(f"the data folder {folder} {what}", hint="correct `[data] path`, or put the data there")
    files: list[FileEntry] = []
    links: list[Link] = []
    root = Path(os.path.realpath(folder))
    for entry in _entries(folder):
        path = _relative(entry, folder)
        if entry.is_symlink():
            links.append(_link(Path(entry.path), path, root))
        else:
            files.append(_file(entry, path))
    return Listing(
        files=tuple(sorted(files, key=lambda one: one.path)), links=tuple(sorted(links, key=lambda one: one.path))
    )


def _file(entry: os.DirEntry[str], path: str) -> FileEntry:
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError as error:
        raise _vanished(entry.path) from error
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeDataError(
            f"{entry.path} is no regular file ({_kind(status.st_mode)})", hint="remove it from the data folder"
        )
    return FileEntry(
        path=path,
        bytes=status.st_size,
        modified_ns=status.st_mtime_ns,
        changed_ns=status.st_ctime_ns,
        inode=status.st_ino,
    )


def _vanished(path: str) -> DataChangedError:
    return DataChangedError(f"{path} vanished while the data was read", hint="run the stage again")


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Everything below `folder` but folders; links are not followed."""
    pending = [str(folder)]
    while pending:
        current = pending.pop()
        try:
            entries = list(os.scandir(current))
        except PermissionError as error:
            raise DataAccessError(
                f"the data folder {current} can't be read: {error.strerror}", hint=_READABLE
            ) from error
        except FileNotFoundError as error:
            raise _vanished(current) from error
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
            else:
                yield entry


def _relative(entry: os.DirEntry[str], folder: Path) -> str:
    path = os.path.relpath(entry.path, folder)
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise UnsafeDataError(
            f"the name of {os.fsencode(entry.path)!r} is not valid UTF-8", hint="rename the file"
        ) from error
    return path


def _link(link: Path, path: str, root: Path) -> Link:
    target = os.readlink(link)
    inside = os.path.normpath(os.path.join(os.path.dirname(path), target))
    if os.path.isabs(target) or inside == ".." or inside.startswith("../"):
        raise UnsafeDataError(
            f"the symbolic link {link} leads out of the data folder, to {target}",
            hint="put the file itself there, or a relative link that stays inside: jobs see this folder only",
        )
    real = Path(os.path.realpath(link))
    if not real.exists() or not real.is_relative_to(root):
        reason = "leads out of the data folder by way of another link" if real.exists() else "leads to nothing"
        raise UnsafeDataError(f"the symbolic link {link} {reason}", hint="remove it, or put the file itself there")
    return Link(path=path, target=target)


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFBLK: "a device",
        stat.S_IFCHR: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "a special file")
