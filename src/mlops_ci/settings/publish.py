"""The table `[publish]`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PublishSettings:
    """Where models and artifacts go."""

    store: str | None = None
    """`s3://bucket/prefix`, or a folder. Default: the local store in `.mlops/store`."""
    endpoint: str | None = None
    """Address of an S3 server other than AWS."""
    region: str | None = None
    """Region of the S3 bucket."""
    model: str | None = None
    """Name of the registered model. Default: the project's name."""
    approval: bool = False
    """Whether a human must approve every promotion (`mlops-ci approve RUN`)."""
