"""`mlops-ci rescan FILE`: an SBOM against today's database, its exit codes, and what it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support import trivy_db
from support.cli import Called, call
from support.gate_cases import CRITICAL, NUMPY, SYSTEM
from support.planted_sbom import write_planted


@pytest.fixture
def repository(trivy: Path, tmp_path: Path) -> Path:
    """A configuration, and a database in the cache."""
    (tmp_path / "mlops.toml").write_text('[train]\ncommand = "python train.py"\n[scan]\noffline = true\nspdx = true\n')
    trivy_db.write_database(tmp_path / ".mlops" / "cache" / "trivy")
    return tmp_path


def rescan(repository: Path, *words: str) -> Called:
    return call(repository, "rescan", *words, environment={"MLOPS_CI_CACHE": str(repository / ".mlops" / "cache")})


def test_findings_clean_and_broken_have_their_own_exit_codes(repository: Path) -> None:
    write_planted(repository / "bad.cdx.json", [SYSTEM, NUMPY, CRITICAL])
    write_planted(repository / "good.cdx.json", [SYSTEM, NUMPY])
    done = rescan(repository, "good.cdx.json", "--json")
    assert done.exit_code == 0, done.said
    outputs = json.loads(done.stdout)
    assert outputs["verdict"] == "passed"
    assert outputs["licenses"] == {"BSD-3-Clause": 1, "GPL-2.0-or-later": 1}
    (found,) = (one["path"] for one in outputs["reports"] if one["path"].endswith(".spdx.json"))
    assert json.loads((repository / ".mlops" / found).read_text())["spdxVersion"] == "SPDX-2.3"

    done = rescan(repository, "bad.cdx.json")
    assert done.exit_code == 1, done.said
    assert "CVE-2099-1001  planted-critical-fixable 1.0 (fixed in 2.0-1)" in done.said
    report = json.loads((repository / ".mlops" / "rescan" / "gl-container-scanning-report.json").read_text())
    assert {one["identifiers"][0]["value"] for one in report["vulnerabilities"]} >= {"CVE-2099-1001"}

    (repository / "bad.cdx.json").write_text("{")
    assert rescan(repository, "bad.cdx.json").exit_code == 4
    assert rescan(repository, "none.cdx.json").exit_code == 3
