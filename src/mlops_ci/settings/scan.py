"""The table `[scan]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlops_ci.settings.table import Table
from mlops_ci.settings.units import Duration

Severity = Literal["CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN"]


@dataclass(frozen=True, kw_only=True)
class ScanSettings(Table):
    """What the images may hold."""

    fail_on: tuple[Severity, ...] = ("CRITICAL",)
    """Severities of vulnerabilities that fail the scan."""
    fixable_only: bool = True
    """Whether only vulnerabilities that have a fix fail it."""
    secrets: bool = True
    """Whether a secret found in the image or the repository fails it."""
    misconfiguration: tuple[Severity, ...] = ("CRITICAL", "HIGH")
    """Severities of misconfigurations of the image that fail it."""
    db_max_age: Duration = Duration(48 * 3600)
    """Oldest vulnerability database that counts."""
    offline: bool = False
    """Never ask the network for a database: use the one in the cache."""
    timeout: Duration = Duration(1200)
    """Limit for each call of the scanner."""
