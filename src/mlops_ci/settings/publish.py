"""The table `[publish]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mlops_ci.settings.marks import Example, Stricter
from mlops_ci.settings.table import Table
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
    model: Annotated[Name | None, Example("digits-classifier")] = None
    """Name of the registered model. Default: the project's name."""
    approval: Annotated[bool, Stricter("true")] = False
    """Whether a human must approve every promotion (`mlops-ci approve RUN`)."""
