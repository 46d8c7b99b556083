"""The test bed of the gate: every planted case through the real Trivy and a database of its own; the docs show it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci.console import Console
from mlops_ci.errors import UncheckedError
from mlops_ci.images.extra import NAME
from mlops_ci.records.scan import ScanOutputs
from mlops_ci.scanning.binary import find
from mlops_ci.scanning.findings import BASE_LAYER, ScanTarget
from mlops_ci.scanning.places import Sources
from mlops_ci.scanning.sbom import write_sboms
from mlops_ci.scanning.scan import Scan, scan
from mlops_ci.scanning.trivy import Trivy
from mlops_ci.settings.mirrors import MirrorSettings
from mlops_ci.settings.scan import ScanSettings
from support import bbolt, trivy_db
from support.gate_cases import CASES, TODAY, Case
from support.heard import Heard
from support.image_projects import write_wheel
from support.planted_sbom import BASE_DIFF_ID, write_planted

ROOT = Path(__file__).parents[3]
TABLE = ROOT / "docs" / "scanning.md"
# The real scanner, whose answer is spoilt on its way to us.
WRAPPER = """#!/bin/sh
"{real}" "$@" || exit $?
while [ $# -gt 1 ]; do if [ "$1" = --output ]; then out=$2; fi; shift; done
{spoil}
"""
SPOIL = {
    "exit 1": "exit 1",
    "schema": 'sed -i \'s/"SchemaVersion": 2/"SchemaVersion": 3/\' "$out"',
    "truncated": 'head -c 200 "$out" > "$out.part"; mv "$out.part" "$out"',
}


def test_there_are_enough_cases_and_no_two_of_a_name():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 20


@pytest.fixture(scope="module")
def bed(trivy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the database, a repository, and what was found in it before."""
    folder = tmp_path_factory.mktemp("gate")
    trivy_db.write_database(folder / "cache")
    (folder / "repository").mkdir()
    subprocess.run(["git", "init", "-q", folder / "repository"], check=True)
    return folder


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_judged_right_and_the_docs_say_so(case: Case, bed: Path, tmp_path: Path) -> None:
    heard = Heard()
    got = judged(case, bed, tmp_path, heard)
    assert got == case.expected, heard.lines
    assert f"| {case.name} | {case.expected} | {got} |" in TABLE.read_text(), "docs/scanning.md shows another table"


def judged(case: Case, bed: Path, folder: Path, heard: Heard) -> str:
    """The verdict in the words of the table."""
    try:
        outputs = run(case, bed, folder, heard)
    except UncheckedError as error:
        return broken(error, folder)
    return words(outputs, folder, heard)


def broken(error: UncheckedError, folder: Path) -> str:
    assert error.exit_code == 4
    assert error.hint
    assert not list((folder / "scan").glob("*")), "a broken scan leaves no report behind"
    return f"scan broken: {error.failure_class}"


def words(outputs: ScanOutputs, folder: Path, heard: Heard) -> str:
    failing = sorted(failing_ids(folder / "scan"))
    failing += ["waivers"] if any(one.name == "waivers" and one.status == "FAIL" for one in outputs.parts) else []
    said = outputs.verdict + (f": {', '.join(failing)}" if failing else "")
    remarks = [
        text.partition(" in ")[2].partition(" ")[2] for _, title, text in heard.annotations if title == "waivers"
    ]
    bad = any(one.startswith(("ended", "ends")) for one in remarks)
    return said + ("" if bad or not remarks else f"; remarked: {', '.join(remarks)}")


def failing_ids(folder: Path) -> set[str]:
    return {one["id"] for one in json.loads((folder / "findings.json").read_text())["failing"]}


def run(case: Case, bed: Path, folder: Path, heard: Heard) -> ScanOutputs:
    scanner = replace(wrapped(case, folder), cache=spoilt(case, bed, folder))
    path = write_planted(folder / "sbom" / "top.cdx.json", (*case.harmless, *case.packages), system=case.system)
    if case.spoilt == "sbom":
        path.write_bytes(path.read_bytes()[:500])
    over = [laid(case, folder)] if case.extra else []
    root = folder / "repository" if case.files else None
    for name, text in case.files.items():
        assert root is not None
        shutil.copytree(bed / "repository", root, dirs_exist_ok=True)
        (root / name).write_text(text)
    return scan(
        Scan(
            targets=(ScanTarget(kind="image", ref="localhost/top:1", name="train"), *over),
            # Their SBOM as the stage build writes it.
            paths=(path, *write_sboms(over, folder / "sbom", trivy=scanner)),
            settings=ScanSettings(offline=True, **case.settings),
            mirrors=MirrorSettings(),
            trivy=scanner,
            reports=folder / "scan",
            local=False,
            root=root,
            inside=False,
            console=Console(sink=heard),
            layers={BASE_DIFF_ID: BASE_LAYER},
            exceptions=case.exceptions,
            sources=Sources(root=root),
            today=dt.date.fromisoformat(TODAY),
        )
    )


def laid(case: Case, folder: Path) -> ScanTarget:
    """The extra packages as they lie on a machine: unpacked wheels."""
    for one in case.extra:
        wheel = write_wheel(folder / "wheels", one.name, one.version, files={f"{one.name.replace('-', '_')}.py": ""})
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder / NAME)
    return ScanTarget(kind="environment", ref=str(folder / NAME), name=NAME)


def wrapped(case: Case, folder: Path) -> Trivy:
    real = find(folder)
    if case.spoilt not in SPOIL:
        return real
    path = folder / "bin" / "trivy"
    path.parent.mkdir()
    path.write_text(WRAPPER.format(real=real.path, spoil=SPOIL[case.spoilt]))
    path.chmod(0o755)
    return replace(real, path=path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def spoilt(case: Case, bed: Path, folder: Path) -> Path:
    """The cache folder with the database of the case."""
    if not case.database:
        return bed / "cache"
    cache = folder / "cache"
    now = dt.datetime.now(dt.UTC)
    match case.database:
        case "none":
            cache.mkdir()
        case "old":
            trivy_db.write_database(cache, built_at=now - dt.timedelta(days=3))
        case "html":
            trivy_db.write_database(cache)
            (cache / "db" / "trivy.db").write_text("<!DOCTYPE html><html><title>502 Bad Gateway</title></html>\n" * 200)
        case "panic":
            trivy_db.write_database(cache)
            buckets = trivy_db.encoded(trivy_db.tree(trivy_db.advisories()))
            del buckets[b"vulnerability"]
            bbolt.write(cache / "db" / "trivy.db", buckets)
        case system:
            without = system.removeprefix("no ")
            trivy_db.write_database(cache, [kept(one, without) for one in trivy_db.advisories()])
    return cache


def kept(entry, without: str):
    return {**entry, "affects": [one for one in entry["affects"] if not one["in"].startswith(without)]}
