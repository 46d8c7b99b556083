"""The table `[scan]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from mlops_ci.settings.marks import Stricter
from mlops_ci.settings.table import Table
from mlops_ci.settings.units import Duration

Severity = Literal["CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN"]


@dataclass(frozen=True, kw_only=True)
class ScanSettings(Table):
    """What the images may hold."""

    fail_on: Annotated[tuple[Severity, ...], Stricter("more")] = ("CRITICAL",)
    """Severities of vulnerabilities that fail the scan."""
    fixable_only: Annotated[bool, Stricter("false")] = True
    """Whether only vulnerabilities that have a fix fail it."""
    secrets: Annotated[bool, Stricter("true")] = True
    """Whether a secret found in the image or the repository fails it."""
    misconfiguration: Annotated[tuple[Severity, ...], Stricter("more")] = ("CRITICAL", "HIGH")
    """Severities of misconfigurations of the image that fail it."""
    db_max_age: Annotated[Duration, Stricter("lower")] = Duration(48 * 3600)
    """Oldest vulnerability database that counts."""
    offline: bool = False
    """Never ask the network for a database: use the one in the cache."""
    timeout: Duration = Duration(1200)
    """Limit for each call of the scanner."""
