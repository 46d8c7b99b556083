"""The table `[publish]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from mlops_ci.settings.marks import Example, Range, Stricter
from mlops_ci.settings.table import Table
from mlops_ci.settings.units import Size
from mlops_ci.settings.words import Address, Name, Text


@dataclass(frozen=True, kw_only=True)
class PublishSettings(Table):
    """Where models and artifacts go."""

    store: Annotated[Text | None, Example("s3://bucket/prefix"), Stricter("listed-or-unset")] = None
    """`s3://bucket/prefix`, or a folder. Default: the local store in `.mlops/store`."""
    endpoint: Annotated[Address | None, Example("https://s3.example"), Stricter("listed-or-unset")] = None
    """Address of an S3 server other than AWS."""
    region: Annotated[Text | None, Example("eu-central-1")] = None
    """Region of the S3 bucket."""
    sse: Annotated[Literal["AES256", "aws:kms"] | None, Example("aws:kms"), Stricter("same")] = None
    """How S3 encrypts what is uploaded. Default: as the bucket says."""
    sse_key: Annotated[Text | None, Example("alias/models"), Stricter("same")] = None
    """The KMS key for `sse = "aws:kms"`. Default: the bucket's, else AWS's own."""
    max_bandwidth: Annotated[Size | None, Example("50m")] = None
    """Bytes a second that transfers to and from S3 may take together. Default: no limit."""
    max_concurrency: Annotated[int, Range(1, 256)] = 64
    """Requests to S3 at once: so many of small files, of others at most 16, of a large one at most 4 parts (8 down)."""
    model: Annotated[Name | None, Example("digits-classifier")] = None
    """Name of the registered model. Default: the project's name."""
    approval: Annotated[bool, Stricter("true")] = False
    """Whether a human must approve every promotion (`mlops-ci approve RUN`)."""
