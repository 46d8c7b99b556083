"""The table `[scan]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from mlops_ci.settings.marks import Example, Range, Stricter
from mlops_ci.settings.table import Table
from mlops_ci.settings.units import Duration
from mlops_ci.settings.words import Text

Severity = Literal["CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN"]
ALL_SEVERITIES: tuple[Severity, ...] = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN")
# No waiver lasts longer, whatever the settings say.
LONGEST_WAIVER = 90


@dataclass(frozen=True, kw_only=True)
class ScanSettings(Table):
    """What the images may hold."""

    fail_on: Annotated[tuple[Severity, ...], Stricter("more")] = ("CRITICAL",)
    """Severities of vulnerabilities that fail the scan."""
    fixable_only: Annotated[bool, Stricter("false")] = True
    """Whether only vulnerabilities that have a fix fail it."""
    new_only: Annotated[bool, Stricter("false")] = False
    """Whether vulnerabilities that came with the base image fail nothing; they are shown all the same."""
    grace_days: Annotated[int, Range(0, 365), Stricter("lower")] = 0
    """Days after its publication in which a vulnerability does not fail it yet. One without a date has none."""
    layers: Mapping[str, tuple[Severity, ...]] = field(default_factory=dict)
    """Further severities that fail in one layer of the image, beside `fail-on`: `{ train = ["HIGH"] }`."""
    ignore_packages: Annotated[tuple[Text, ...], Example(["linux-libc-dev"]), Stricter("fewer")] = ()
    """Packages whose vulnerabilities fail nothing, with `*` for anything: headers of a kernel that never runs."""
    strict_packages: Annotated[tuple[Text, ...], Example(["openssl"]), Stricter("more")] = ()
    """Packages whose vulnerabilities always fail it, of any severity, with a fix or without, new or not."""
    deny_licenses: Annotated[tuple[Text, ...], Example(["AGPL-3.0*", "unknown"]), Stricter("more")] = ()
    """Licences that no package may have, with `*` for anything; `unknown` is a package that names none."""
    secrets: Annotated[bool, Stricter("true")] = True
    """Whether a secret found in the image or the repository fails it."""
    misconfiguration: Annotated[tuple[Severity, ...], Stricter("more")] = ("CRITICAL", "HIGH")
    """Severities of misconfigurations of the image that fail it."""
    waivable: Annotated[tuple[Severity, ...], Stricter("fewer")] = ALL_SEVERITIES
    """Severities of what `waivers.toml` may let pass."""
    waiver_days: Annotated[int, Range(1, LONGEST_WAIVER), Stricter("lower")] = LONGEST_WAIVER
    """How many days ahead a waiver may end. One that ends later fails the scan."""
    vex: Annotated[tuple[Text, ...], Example(["vex/openssl.json"]), Stricter("listed-or-unset")] = ()
    """VEX documents (OpenVEX or CycloneDX), relative to this file: what they say is not affected does not count."""
    end_of_life: Annotated[bool, Stricter("false")] = False
    """Whether a distribution that gets no security fixes any more may be judged all the same."""
    db_max_age: Annotated[Duration, Stricter("lower")] = Duration(48 * 3600)
    """Oldest vulnerability database that counts."""
    offline: bool = False
    """Never ask the network for a database: use the one in the cache."""
    spdx: bool = False
    """Whether the SBOM is also written in the form of SPDX."""
    timeout: Duration = Duration(1200)
    """Limit for each call of the scanner."""
