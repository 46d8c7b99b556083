"""What is planted for the gate of the scan, and how each case must be judged: the table of docs/scanning.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_ci.settings.waivers import Exceptions, VexFile, Waiver

from .planted_sbom import BASE_DIFF_ID, Planted

# The day on which all cases are judged.
TODAY = "2099-01-31"
SYSTEM = Planted(name="base-files", version="12.4", layer=BASE_DIFF_ID, license="GPL-2.0-or-later")
NUMPY = Planted(name="numpy", version="2.0", kind="python-pkg", license="BSD-3-Clause")


@dataclass(frozen=True, kw_only=True)
class Case:
    """Packages beside the harmless ones, settings of `[scan]`, what is excused; `database` is how that is spoilt.

    `extra` are the packages that `[image] extra` put over the image.
    """

    name: str
    expected: str
    packages: tuple[Planted, ...] = ()
    extra: tuple[Planted, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()
    vex: tuple[VexFile, ...] = ()
    database: str = ""
    system: tuple[str, str] | None = ("debian", "12.5")
    harmless: tuple[Planted, ...] = (SYSTEM, NUMPY)
    spoilt: str = ""
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def exceptions(self) -> Exceptions:
        return Exceptions(waivers=self.waivers, vex=self.vex)


def system(name: str, **fields: str) -> Planted:
    return Planted(name=f"planted-{name}", **fields)


def python(name: str, **fields: str) -> Planted:
    return Planted(name=f"planted-{name}", kind="python-pkg", **fields)


def waiver(expires: str, *, owner: str = "team", package: str = "planted-critical-fixable") -> Waiver:
    return Waiver(id="CVE-2099-1001", package=package, reason="not reachable", owner=owner, expires=expires, line=1)


def openvex(package: str, status: str = "not_affected") -> VexFile:
    said = {"justification": "vulnerable_code_not_present"} if status == "not_affected" else {}
    document = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.com/vex/1",
        "author": "team",
        "timestamp": "2099-01-01T00:00:00Z",
        "version": 1,
        "statements": [
            {
                "vulnerability": {"name": "CVE-2099-1001"},
                "products": [{"@id": f"pkg:deb/debian/{package}"}],
                "status": status,
                **said,
            }
        ],
    }
    return VexFile(name="vex.json", text=json.dumps(document))


def cyclonedx_vex(package: Planted) -> VexFile:
    ref = f"pkg:deb/debian/{package.name}@{package.version}?arch=amd64&distro=debian-12.5"
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "vulnerabilities": [
            {
                "id": "CVE-2099-1001",
                "analysis": {"state": "not_affected", "justification": "code_not_reachable"},
                "affects": [{"ref": f"urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#{ref}"}],
            }
        ],
    }
    return VexFile(name="vex.cdx.json", text=json.dumps(document))


CRITICAL, UNFIXED, HIGH, MEDIUM, YOUNG = map(
    system, ("critical-fixable", "critical-unfixed", "high-fixable", "medium-fixable", "young")
)
BASE = Planted(name="planted-critical-fixable", layer=BASE_DIFF_ID)
FINDING = "findings: CVE-2099-1001"
# Put together here, so that no scanner takes this file for a leak. It opens nothing.
TOKEN = "gh" + "p_" + "aBcDeFgHiJkLmNoPqRsT" + "uVwXyZ0123456789"

CASES: tuple[Case, ...] = (
    Case(name="nothing but current packages", expected="passed"),
    Case(name="system package, critical, with a fix", expected=FINDING, packages=(CRITICAL,)),
    Case(name="Python package, critical, with a fix", expected=FINDING, packages=(python("critical-fixable"),)),
    Case(name="critical, no fix yet", expected="passed", packages=(UNFIXED,)),
    Case(
        name="critical, no fix yet, `fixable-only = false`",
        expected="findings: CVE-2099-1002",
        packages=(UNFIXED,),
        settings={"fixable_only": False},
    ),
    Case(name="high, with a fix", expected="passed", packages=(HIGH,)),
    Case(
        name="high, with a fix, `fail-on` has HIGH",
        expected="findings: CVE-2099-1003",
        packages=(HIGH,),
        settings={"fail_on": ("CRITICAL", "HIGH")},
    ),
    Case(
        name="medium in the layer `train`, `layers` has it",
        expected="findings: CVE-2099-1004",
        packages=(MEDIUM,),
        settings={"layers": {"train": ("MEDIUM",)}},
    ),
    Case(
        name="medium of the base image, `layers` has it for `train`",
        expected="passed",
        packages=(Planted(name="planted-medium-fixable", layer=BASE_DIFF_ID),),
        settings={"layers": {"train": ("MEDIUM",)}},
    ),
    Case(name="came with the base image", expected=FINDING, packages=(BASE,)),
    Case(name="came with the base image, `new-only`", expected="passed", packages=(BASE,), settings={"new_only": True}),
    Case(
        name="new since the base image, `new-only`", expected=FINDING, packages=(CRITICAL,), settings={"new_only": True}
    ),
    Case(
        name="published 3 days ago, `grace-days = 7`", expected="passed", packages=(YOUNG,), settings={"grace_days": 7}
    ),
    Case(
        name="published 3 days ago, `grace-days = 3`",
        expected="findings: CVE-2099-1005",
        packages=(YOUNG,),
        settings={"grace_days": 3},
    ),
    Case(name="without a date, `grace-days = 7`", expected=FINDING, packages=(CRITICAL,), settings={"grace_days": 7}),
    Case(
        name="in `ignore-packages`",
        expected="passed",
        packages=(CRITICAL,),
        settings={"ignore_packages": ("planted-critical-*",)},
    ),
    Case(
        name="medium, in `strict-packages`",
        expected="findings: CVE-2099-1004",
        packages=(MEDIUM,),
        settings={"strict_packages": ("planted-medium-fixable",)},
    ),
    Case(
        name="critical, in a package of `[image] extra`",
        expected=FINDING,
        extra=(python("critical-fixable"),),
    ),
    Case(
        name="in a package of `[image] extra`, `new-only`",
        expected=FINDING,
        extra=(python("critical-fixable"),),
        settings={"new_only": True},
    ),
    Case(
        name="in a package of `[image] extra`, waived",
        expected="passed",
        extra=(python("critical-fixable"),),
        waivers=(waiver("2099-03-02"),),
    ),
    Case(
        name="high in a package of `[image] extra`, `layers` has it",
        expected="findings: CVE-2099-1003",
        extra=(python("high-fixable"),),
        settings={"layers": {"extra": ("HIGH",)}},
    ),
    Case(
        name="high in the image, `layers` has it for `extra`",
        expected="passed",
        packages=(python("high-fixable"),),
        extra=(python("harmless"),),
        settings={"layers": {"extra": ("HIGH",)}},
    ),
    Case(name="waived for 30 days", expected="passed", packages=(CRITICAL,), waivers=(waiver("2099-03-02"),)),
    Case(name="waived until today", expected="passed", packages=(CRITICAL,), waivers=(waiver(TODAY),)),
    Case(
        name="waiver ended yesterday",
        expected=f"{FINDING}, waivers",
        packages=(CRITICAL,),
        waivers=(waiver("2099-01-30"),),
    ),
    Case(
        name="waived for 91 days",
        expected=f"{FINDING}, waivers",
        packages=(CRITICAL,),
        waivers=(waiver("2099-05-02"),),
    ),
    Case(
        name="waiver without an owner",
        expected="passed; remarked: has no owner",
        packages=(CRITICAL,),
        waivers=(waiver("2099-03-02", owner=""),),
    ),
    Case(
        name="waiver for another package",
        expected=f"{FINDING}; remarked: is for no finding: remove it",
        packages=(CRITICAL,),
        waivers=(waiver("2099-03-02", package="openssl"),),
    ),
    Case(
        name="waived, `waivable` is without CRITICAL",
        expected=f"{FINDING}; remarked: is for a severity that may not be waived ([scan] waivable)",
        packages=(CRITICAL,),
        waivers=(waiver("2099-03-02"),),
        settings={"waivable": ("HIGH",)},
    ),
    Case(
        name="OpenVEX: not affected",
        expected="passed",
        packages=(CRITICAL,),
        vex=(openvex("planted-critical-fixable"),),
    ),
    Case(
        name="OpenVEX: not affected, another package", expected=FINDING, packages=(CRITICAL,), vex=(openvex("openssl"),)
    ),
    Case(
        name="OpenVEX: under investigation",
        expected=FINDING,
        packages=(CRITICAL,),
        vex=(openvex("planted-critical-fixable", "under_investigation"),),
    ),
    Case(name="CycloneDX VEX: not affected", expected="passed", packages=(CRITICAL,), vex=(cyclonedx_vex(CRITICAL),)),
    Case(
        name="a denied licence",
        expected="findings: AGPL-3.0-only",
        packages=(Planted(name="other", license="AGPL-3.0-only"),),
        settings={"deny_licenses": ("AGPL-*",)},
    ),
    Case(
        name="no licence named, `unknown` denied",
        expected="findings: unknown",
        packages=(Planted(name="other"),),
        settings={"deny_licenses": ("unknown",)},
    ),
    Case(
        name="a secret in the repository",
        expected="findings: github-pat",
        files={"settings.ini": f"token = {TOKEN}\n"},
    ),
    Case(
        name="a Dockerfile that ends as root",
        expected="findings: DS-0002",
        files={"Dockerfile": "FROM debian:12\nUSER root\n"},
    ),
    Case(name="no database", expected="scan broken: database-missing", database="none"),
    Case(name="database older than `db-max-age`", expected="scan broken: database-stale", database="old"),
    Case(name="database is an HTML error page", expected="scan broken: database-broken", database="html"),
    Case(name="database makes the scanner panic", expected="scan broken: database-broken", database="panic"),
    Case(name="database without this distribution", expected="scan broken: blind-database", database="no debian"),
    Case(name="database without Python advisories", expected="scan broken: blind-database", database="no pip"),
    Case(
        name="a distribution that nobody writes advisories for",
        expected="scan broken: blind-database",
        system=("arch", "rolling"),
        harmless=(Planted(name="glibc", kind="arch"),),
    ),
    Case(name="a distribution at its end of life", expected="scan broken: end-of-life", system=("debian", "9.13")),
    Case(
        name="an image without a distribution",
        expected="scan broken: unknown-system",
        system=None,
        harmless=(NUMPY,),
    ),
    Case(name="an empty package list", expected="scan broken: empty-sbom", harmless=()),
    Case(name="a truncated SBOM", expected="scan broken: scanner-broken", spoilt="sbom"),
    Case(name="the scanner fails", expected="scan broken: database-broken", spoilt="exit 1"),
    Case(name="a report of a later schema", expected="scan broken: scanner-broken", spoilt="schema"),
    Case(name="a truncated report", expected="scan broken: database-broken", spoilt="truncated"),
)
