"""`mlops-ci reports`: the files that CI systems show."""

from __future__ import annotations

import json

import pytest

from mlops_ci.commands.options import Options
from mlops_ci.commands.reports import reports
from mlops_ci.config.errors import ConfigError
from mlops_ci.files import sha256_of
from support.report_run import make_run


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "mlops.toml").write_text('[train]\ncommand = "python train.py"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_all_formats_are_written(project, monkeypatch):
    folder = make_run(project / ".mlops")
    sbom = folder / "sbom" / "train.cdx.json"
    sbom.parent.mkdir()
    sbom.write_text('{"bomFormat": "CycloneDX", "specVersion": "1.7"}')
    path = folder / "records" / "build.json"
    record = json.loads(path.read_text())
    ref = {"path": "sbom/train.cdx.json", "bytes": sbom.stat().st_size, "sha256": sha256_of(sbom)}
    record["outputs"]["sbom"] = [ref]
    path.write_text(json.dumps(record))
    monkeypatch.setenv("CI_JOB_URL", "https://gitlab.example/job/1")
    assert reports(Options(), project / "out") == 0
    assert {one.name for one in (project / "out").iterdir()} == {
        "report.html",
        "junit.xml",
        "metrics.txt",
        "gl-code-quality.json",
        "annotations.json",
        "gl-sbom-train.cdx.json",
    }
    assert json.loads((project / "out" / "gl-sbom-train.cdx.json").read_text())["specVersion"] == "1.6"
    (links,) = json.loads((project / "out" / "annotations.json").read_text()).values()
    assert links[0]["external_link"]["url"].startswith("https://gitlab.example/job/1/artifacts/file/")


def test_an_sbom_that_is_gone_is_named_and_the_rest_is_there(project, capsys):
    make_run(project / ".mlops")
    assert reports(Options(), project / "out") == 0
    assert (project / "out" / "junit.xml").is_file()
    assert "left out: " in capsys.readouterr().err


def test_without_a_run_there_is_nothing_and_that_is_no_failure(project, capsys):
    assert reports(Options(), project / "out") == 0
    assert list((project / "out").iterdir()) == []
    assert "there is no run" in capsys.readouterr().err


def test_a_configuration_that_is_wrong_is_code_quality(project):
    (project / "mlops.toml").write_text('[train]\ncommand = "python train.py"\nepoch = 3\n')
    with pytest.raises(ConfigError):
        reports(Options(), project / "out")
    (issue,) = json.loads((project / "out" / "gl-code-quality.json").read_text())
    assert issue["location"] == {"path": "mlops.toml", "lines": {"begin": 3}}
    assert (issue["severity"], "epoch" in issue["description"]) == ("blocker", True)
