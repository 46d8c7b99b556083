"""What build found inside an image serves a scan on a machine without that image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlops_ci.scanning import contents
from mlops_ci.scanning.contents import StaleSbomError, read_contents
from mlops_ci.scanning.findings import Finding, ScanTarget
from mlops_ci.scanning.kept import kept_contents, write_contents
from mlops_ci.scanning.memory import remembered
from mlops_ci.scanning.report import Report
from mlops_ci.scanning.sbom import Sbom

TRIVY = SimpleNamespace(sha256="a" * 64, cache=Path("/nonexistent"))
THERE = ScanTarget(kind="environment", ref="env:/somewhere/else/train-1", name="train")
HERE = ScanTarget(kind="environment", ref="env:/here/train-1", name="train")
REPORT = Report(
    packages={"python-pkg": 3},
    findings=(Finding(kind="secret", id="aws", severity="HIGH", title="key", where="train:x"),),
    configurations={},
    system="",
    end_of_life=False,
    layers=(),
)
SBOM = Sbom(packages={"python-pkg": 3}, system="", layers=frozenset(), document={})


@pytest.fixture
def kept(tmp_path):
    path = tmp_path / "train.contents.json"
    write_contents(path, REPORT, THERE, trivy=TRIVY, secrets=True)
    return path


def test_the_report_serves_wherever_the_environment_lies(kept):
    assert kept_contents(kept, HERE, trivy=TRIVY, secrets=True) == REPORT


def test_the_target_itself_is_not_looked_at(kept):
    found = read_contents(HERE, SBOM, trivy=TRIVY, secrets=True, timeout=1.0, kept=kept)
    assert found == REPORT


def test_another_question_is_not_answered_by_it(kept):
    assert kept_contents(kept, HERE, trivy=TRIVY, secrets=False) is None
    other = SimpleNamespace(sha256="b" * 64, cache=TRIVY.cache)
    assert kept_contents(kept, HERE, trivy=other, secrets=True) is None
    image = ScanTarget(kind="image", ref="train:c-1", name="train")
    assert kept_contents(kept, image, trivy=TRIVY, secrets=True) is None


def test_a_damaged_file_answers_nothing(kept):
    kept.write_text("{")
    assert kept_contents(kept, HERE, trivy=TRIVY, secrets=True) is None


def test_it_must_fit_the_sbom(kept):
    other = Sbom(packages={"python-pkg": 4}, system="", layers=frozenset(), document={})
    with pytest.raises(StaleSbomError):
        read_contents(HERE, other, trivy=TRIVY, secrets=True, timeout=1.0, kept=kept)


def test_what_hangs_in_a_root_beside_its_image_is_no_other_question(tmp_path):
    built = ScanTarget(kind="root", ref="/", name="inside", skipped=("/builds", "/proc"))
    scanned = ScanTarget(kind="root", ref="/", name="inside", skipped=("/elsewhere", "/proc"))
    path = tmp_path / "inside.contents.json"
    write_contents(path, REPORT, built, trivy=TRIVY, secrets=True)
    assert kept_contents(path, scanned, trivy=TRIVY, secrets=True) == REPORT
    assert kept_contents(path, scanned, trivy=TRIVY, secrets=False) is None


def test_an_image_that_was_just_asked_for_is_not_asked_for_again(tmp_path, monkeypatch):
    def never(*_: object) -> object:
        raise AssertionError("the engine was asked")

    monkeypatch.setattr(contents, "DockerSocket", never)
    image = ScanTarget(kind="image", ref="mlops-ci/train:c-1", name="train")
    layered = replace(REPORT, layers=("sha256:1",), configurations={"train": 1})
    trivy = SimpleNamespace(sha256=TRIVY.sha256, cache=tmp_path)
    key = ["contents", trivy.sha256, "train", contents.arguments(image, secrets=True), "sha256:abc"]
    remembered(tmp_path, key, lambda: layered)
    sbom = replace(SBOM, layers=frozenset(layered.layers))
    found = read_contents(image, sbom, trivy=trivy, secrets=True, timeout=1.0, digest="sha256:abc")
    assert found == layered
