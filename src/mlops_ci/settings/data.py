"""The table `[data]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Where the training data comes from: one of `path`, `source` and `fetch`, or nothing."""

    path: str | None = None
    """A folder of the repository or of this machine."""
    source: str | None = None
    """An S3 prefix: `s3://bucket/prefix`."""
    fetch: str | None = None
    """A command that writes the data into `{data}`; it runs in the image's environment, with network."""
    digest: str | None = None
    """The SHA-256 that the data must have (as `plan` prints it). Any other data is refused."""
    fingerprint: Literal["content", "listing", "command"] = "content"
    """What tells new data from old: the bytes, the listing (names, sizes, times or ETags), or only the fetch command."""
