"""The test database against the real Trivy: what it finds, and the way it downloads it."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from support import trivy_db
from support.oci_server import OciServer, trivy_database_server

DPKG = """\
Package: base-files
Status: install ok installed
Maintainer: Nobody <nobody@example.com>
Architecture: amd64
Version: 12.4+deb12u15

Package: libplanted1
Status: install ok installed
Maintainer: Nobody <nobody@example.com>
Architecture: amd64
Source: planted-high-fixable
Version: 1.0-1

"""


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A Debian 12 root file system with two packages, and a Python environment with three."""
    root = tmp_path / "system"
    for name, text in {
        "etc/os-release": 'ID=debian\nVERSION_ID="12"\n',
        "etc/debian_version": "12.15\n",
        "var/lib/dpkg/status": DPKG,
        **installed("torch", "2.13.0+cpu"),
        **installed("planted-critical-unfixed", "1.0"),
        **installed("planted-medium-fixable", "2.0"),
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def installed(name: str, version: str) -> Mapping[str, str]:
    folder = f"env/lib/python3.11/site-packages/{name.replace('-', '_')}-{version}.dist-info"
    return {f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"}


def scan(trivy: Path, cache: Path, target: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(str(trivy), "rootfs", "--quiet", "--format", "json", "--scanners", "vuln", "--offline-scan"),
            *("--skip-version-check", "--cache-dir", str(cache), *options, str(target)),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def findings(done: subprocess.CompletedProcess[str]) -> dict[str, tuple[str, str, str]]:
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)["Results"]
    return {
        found["VulnerabilityID"]: (found["PkgName"], found["Severity"], found.get("FixedVersion", ""))
        for result in results
        for found in result.get("Vulnerabilities", [])
    }


def test_canaries_and_planted_packages_are_found_and_fixed_ones_are_not(
    trivy: Path, trivy_db_folder: Path, system: Path
) -> None:
    assert findings(scan(trivy, trivy_db_folder, system, "--skip-db-update")) == {
        "CVE-2099-0001": ("base-files", "LOW", ""),
        "CVE-2099-0002": ("torch", "LOW", ""),
        "CVE-2099-1002": ("planted-critical-unfixed", "CRITICAL", ""),
        "CVE-2099-1003": ("libplanted1", "HIGH", "2.0-1"),
    }


def test_trivy_downloads_the_database_from_the_server(
    trivy: Path, trivy_db_server: OciServer, system: Path, tmp_path: Path
) -> None:
    done = scan(trivy, tmp_path / "cache", system, "--db-repository", trivy_db_server.trivy_repository)
    assert len(findings(done)) == 4
    assert any(request.startswith("GET /v2/trivy-db/blobs/sha256:") for request in trivy_db_server.requests)
    asked = len(trivy_db_server.requests)
    scan(trivy, tmp_path / "cache", system, "--db-repository", trivy_db_server.trivy_repository)
    assert len(trivy_db_server.requests) == asked, "a fresh database is downloaded once"


def test_a_stale_database_is_downloaded_again(
    trivy: Path, trivy_db_server: OciServer, system: Path, tmp_path: Path
) -> None:
    last_week = dt.datetime.now(dt.UTC) - dt.timedelta(days=7)
    trivy_db.write_database(tmp_path, [], built_at=last_week)
    done = scan(trivy, tmp_path, system, "--db-repository", trivy_db_server.trivy_repository)
    assert len(findings(done)) == 4


def test_a_server_that_refuses_leads_to_the_next_mirror(
    trivy: Path, trivy_db_server: OciServer, system: Path, tmp_path: Path
) -> None:
    with trivy_database_server(trivy_db.write_database(tmp_path / "other", [])) as busy:
        busy.fail_next(*[429] * 50)
        both = ("--db-repository", busy.trivy_repository, "--db-repository", trivy_db_server.trivy_repository)
        assert len(findings(scan(trivy, tmp_path / "cache", system, *both))) == 4
        assert busy.requests


def test_a_server_that_has_no_such_artifact_is_an_error(
    trivy: Path, trivy_db_server: OciServer, system: Path, tmp_path: Path
) -> None:
    done = scan(trivy, tmp_path / "cache", system, "--db-repository", f"{trivy_db_server.address}/other:2")
    assert done.returncode != 0
    assert "NAME_UNKNOWN" in done.stderr
