"""The table `[policy]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mlops_ci.settings.marks import Example
from mlops_ci.settings.table import Table
from mlops_ci.settings.words import Digest, Text


@dataclass(frozen=True, kw_only=True)
class PolicySettings(Table):
    """An organisation's policy: bounds for settings of this file, which may be stricter and never laxer."""

    source: Annotated[Text | None, Example("https://example.com/policy.toml")] = None
    """The policy: an address (https://), or a file relative to this one."""
    sha256: Annotated[Digest | None, Example("0" * 64)] = None
    """The SHA-256 of that file (`sha256sum policy.toml`). Any other content is refused."""
