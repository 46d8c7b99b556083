"""The table `[data]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from mlops_ci.settings.marks import Example, Form, Stricter
from mlops_ci.settings.table import Table
from mlops_ci.settings.words import Digest, Text

S3Prefix = Annotated[str, Form(r"^s3://[^/\s]+(/.*)?$", "an S3 prefix such as s3://bucket/prefix")]


@dataclass(frozen=True, kw_only=True)
class DataSettings(Table):
    """Where the training data comes from: one of `path`, `source` and `fetch`, or nothing."""

    path: Annotated[Text | None, Example("data")] = None
    """A folder of the repository or of this machine."""
    source: Annotated[S3Prefix | None, Example("s3://bucket/data"), Stricter("listed-or-unset")] = None
    """An S3 prefix: `s3://bucket/prefix`."""
    fetch: Annotated[Text | None, Example("python fetch.py --to {output}")] = None
    """A command that writes the data into `{output}`; it runs in the image's environment, with network."""
    digest: Annotated[Digest | None, Example("0" * 64)] = None
    """The SHA-256 that the data must have (as `plan` prints it). Any other data is refused."""
    fingerprint: Literal["content", "listing", "command"] = "content"
    """What tells new data from old: the bytes, the listing (names, sizes, times or ETags), or only the command."""
