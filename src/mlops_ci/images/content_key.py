"""Content keys: the SHA-256 of a canonical document that names everything a layer is made from, and nothing else.

Never in a document: times, the git commit, absolute paths, the addresses and the credentials of mirrors.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from mlops_ci.files import digest_of, sha256_of

# The recipe of the document. 2: it names the compression of the layers.
SCHEMA = "mlops-ci/content-key/2"
# Raise it when the same document would give another image: a change in how we call the builder.
BUILDER = 1
Freshness = Literal["month", "week", "never"]
LABEL = "io.mlops-ci.content-key"
# The time of what has no period: 1980, before which some archives cannot go.
OLDEST = 315532800


@dataclass(frozen=True, kw_only=True)
class ContextFile:
    """A file that a build may read: `path` as the build sees it, `source` where it lies, or its `content` itself."""

    path: str
    source: Path | None = None
    content: bytes = b""

    def entry(self) -> dict[str, Any]:
        """What the key says of it: the path, whether it may be executed, and the digest or the link's target."""
        if self.source is None:
            return {"path": self.path, "sha256": digest_bytes(self.content)}
        status = self.source.lstat()
        if stat.S_ISLNK(status.st_mode):
            return {"path": self.path, "link": os.readlink(self.source)}
        return {"path": self.path, "executable": bool(status.st_mode & 0o100), "sha256": sha256_of(self.source)}

    def read(self) -> bytes:
        """The content."""
        return self.content if self.source is None else self.source.read_bytes()

    def write(self, path: Path) -> None:
        """Put it where a build sees it, with what the key says of it: a link stays one, a program stays one."""
        if self.source is None:
            path.write_bytes(self.content)
            # What is copied into an image must be readable by any uid, whatever this user's umask.
            path.chmod(0o644)
        elif self.source.is_symlink():
            path.symlink_to(os.readlink(self.source))
        else:
            shutil.copyfile(self.source, path)
            path.chmod(0o755 if self.source.stat().st_mode & 0o100 else 0o644)


def digest_bytes(data: bytes) -> str:
    """The SHA-256, in hex, of bytes."""
    import hashlib

    return hashlib.sha256(data).hexdigest()


def key_of(document: Mapping[str, Any]) -> str:
    """The content key: 64 hex digits."""
    return digest_of(document)


def entries(files: Iterable[ContextFile]) -> list[dict[str, Any]]:
    """The files as the key names them, sorted by path."""
    return sorted((file.entry() for file in files), key=lambda entry: str(entry["path"]))


def epoch(freshness: Freshness, today: datetime | None = None) -> str:
    """The period, in UTC, in which an image counts as fresh: `2026-11`, `2026-W47`, or nothing for ever."""
    moment = today or datetime.now(UTC)
    if freshness == "month":
        return f"{moment:%Y-%m}"
    return f"{moment:%G-W%V}" if freshness == "week" else ""


def beginning(period: str) -> int:
    """When a period that `epoch` names began, in seconds since 1970; a fixed time for any other name."""
    for text, form in ((f"{period}-01", "%Y-%m-%d"), (f"{period}-1", "%G-W%V-%u")):
        try:
            return int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp())
        except ValueError:
            continue
    return OLDEST
