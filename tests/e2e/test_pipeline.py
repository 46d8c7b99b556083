"""Whole runs of a small project: what is there at the end, what a second run does, what a failure leaves."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path

import pytest

from mlops_ci import pipeline
from mlops_ci.images import images_lock
from mlops_ci.publishing.manifest import read_manifest
from mlops_ci.publishing.verify import verify
from mlops_ci.stores.open import open_store
from support import signing
from support.cli import call, newest_run, records
from support.fixtures_testbed import found_or_skip
from support.leftovers import of_project
from support.project import WITH_TORCH, commit, make_project, put_over
from support.testbed import tools

KNOWS_MORE = """
import hashlib, mlflow
champion = os.path.join(os.environ["MLOPS_CHAMPION_DIR"], "model.safetensors")
print("champion", hashlib.sha256(open(champion, "rb").read()).hexdigest(), flush=True)
with mlflow.start_run():
    mlflow.log_metric("native", 1.0)
mlflow.log_metric("native", 2.0, step=1)
"""


def test_a_whole_run_and_a_second_one(tmp_path, scanned):
    project = make_project(tmp_path / "project", config=WITH_TORCH)
    put_over(project)
    who = signing.signer(tmp_path / "keys")
    signs = {name: value for name, value in who.environment.items() if "REQUIRED" not in name}
    settings = {"MLOPS_CI_ENGINE": "host", "MLOPS_CI_SIGNING__MODELS": "required", **signs, **scanned}
    first = call(project, "run", environment=settings)
    assert first.exit_code == 0, first.said
    found = records(project)
    assert tuple(name for name in pipeline.NAMES if name in found) == pipeline.NAMES
    assert {name: one["status"] for name, one in found.items()} == {
        **dict.fromkeys(pipeline.NAMES, "passed"),
        "deploy": "skipped",
    }
    assert found["verify"]["outputs"]["verdict"] == "cpu-only"
    assert found["train"]["outputs"]["devices"] == ["cpu"]
    assert found["evaluate"]["outputs"]["verdict"] == "promote"
    assert found["promote"]["outputs"] == {"alias": "champion", "from": None, "to": "1", "approved_by": None}
    assert found["scan"]["outputs"]["verdict"] == "passed"
    assert found["scan"]["outputs"]["db"]["digest"]
    assert "over the image at the start of every job: planted-high-fixable 1.0 (extra.lock)" in first.stderr
    over = found["build"]["outputs"]["extra"]
    assert (over["lock"], over["packages"]) == ("extra.lock", ["planted-high-fixable 1.0"])
    assert [one["path"] for one in found["build"]["outputs"]["sbom"]][-1] == "sbom/extra.cdx.json"
    (alert,) = (one for one in sarif(project)["results"] if one["ruleId"] == "CVE-2099-1003")
    place = alert["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("extra.lock", 2)
    assert not [path for path in newest_run(project).rglob("extra") if path.is_dir()], "no job leaves its copy"
    lineage = json.loads((newest_run(project) / "run.json").read_text())["lineage"]
    assert lineage["extra_sha256"] == over["sha256"]
    store = open_store(str(project / ".mlops" / "store"))
    manifest = found["publish"]["outputs"]["manifest"]["key"]
    assert verify(store, manifest) == []
    said = read_manifest(store, manifest)
    named = {"commit", "config_sha256", "data_sha256", "image", "seed", "devices", "hardware"}
    assert {name for name in named if not said.lineage[name] and said.lineage[name] != 0} == set()
    assert said.evaluation["gates"]
    page = newest_run(project) / "report" / "index.html"
    assert page.stat().st_size > 5_000
    assert "CPU" in page.read_text()
    assert f"planted-high-fixable 1.0 (extra.lock, sha256 {over['sha256']})" in page.read_text()
    assert of_project(project) == []

    first_run, files = newest_run(project), found["train"]["outputs"]["model"]
    reigning = next(one["sha256"] for one in files if one["path"].endswith("model.safetensors"))
    (project / "train.py").write_text((project / "train.py").read_text() + KNOWS_MORE)
    config = (project / "mlops.toml").read_text().replace("gpus = 0", 'gpus = 0\nstart-from = "champion"')
    (project / "mlops.toml").write_text(config)
    commit(project, "second")
    second = call(project, "run", environment=settings)
    assert second.exit_code == 0, second.said
    again = records(project)
    assert newest_run(project) != first_run
    assert f"champion {reigning}" in second.stderr
    logged_by_itself(project, again["train"])
    run = newest_run(project).name
    assert [image["built"] for image in again["build"]["outputs"]["images"].values()] == [False] * len(
        again["build"]["outputs"]["images"]
    )
    assert again["evaluate"]["outputs"]["verdict"] == "keep"
    assert again["evaluate"]["outputs"]["why"].startswith("equal to the champion, which stays")
    assert again["evaluate"]["outputs"]["champion"]["version"] == "1"
    assert "signature of mean: valid, of key " in second.stderr

    # The findings are written for others, and what was built can be scanned again without being read.
    assert any(one["ruleId"].startswith("CVE-2099-") for one in sarif(project)["results"])
    rescan = call(project, "rescan", environment=settings)
    assert rescan.exit_code == 0, rescan.said
    later = records(project)
    assert later["scan"]["outputs"]["findings"] == again["scan"]["outputs"]["findings"]
    assert {one["name"]: one["status"] for one in later["scan"]["outputs"]["parts"]}["secrets"] == "SKIP"
    assert later["train"]["status"] == "skipped"
    strict = call(project, "rescan", "--set", 'scan.layers={extra = ["HIGH"]}', environment=settings)
    assert strict.exit_code == 1, strict.said
    assert "planted-high-fixable 1.0" in strict.said

    # What it was signed for, the other side's program can tell, and a model that was tampered with is not loaded.
    fetched = call(project, "artifacts", "get", "mean@champion", "--to", "served", environment=settings)
    assert fetched.exit_code == 0, fetched.said
    assert model_signing(project / "served", who).returncode == 0
    (project / "served" / "model" / "config.json").write_text("{}")
    assert model_signing(project / "served", who).returncode == 1
    other = {**settings, "MLOPS_CI_SIGNING__PUBLIC_KEY": str(signing.signer(tmp_path / "other").public)}
    for words, code in (
        (("evaluate", "--run", run, "--force", "--only"), 1),
        (("artifacts", "verify", "mean@champion"), 1),
    ):
        refused = call(project, *words, environment=other)
        assert (refused.exit_code, "another key signed it" in refused.said) == (code, True), refused.said


def logged_by_itself(project, train):
    """What the script logged is in the run's own MLflow run, beside lineage and the SDK's points, each once."""
    run = train["outputs"]["tracking"]["run_id"]
    with sqlite3.connect(project / ".mlops" / "mlflow" / "mlflow.db") as database:
        runs = [one for (one,) in database.execute("SELECT run_uuid FROM runs")]
        tags = dict(database.execute("SELECT key, value FROM tags WHERE run_uuid = ?", (run,)))
        params = dict(database.execute("SELECT key, value FROM params WHERE run_uuid = ?", (run,)))
        points = dict(database.execute("SELECT key, count(*) FROM metrics WHERE run_uuid = ? GROUP BY key", (run,)))
    assert run in runs
    assert len(runs) == 2, "one for each of the two runs"
    assert tags["mlops.run"] == train["run"]
    assert tags["mlops.commit"]
    assert params["epochs"] == "6"
    assert {name: points[name] for name in ("native", "loss", "closeness")} == {"native": 2, "loss": 6, "closeness": 6}


def model_signing(folder, who):
    """The reference program on a fetched bundle."""
    program = str(found_or_skip(tools.find("model_signing"), "model_signing"))
    words = ["--signature", str(folder / "model.sig"), "--public_key", str(who.public)]
    return subprocess.run(
        [program, "verify", "key", str(folder / "model"), *words], capture_output=True, text=True, check=False
    )


def sarif(project):
    """What the report hands to code scanning."""
    return json.loads((newest_run(project) / "report" / "scan.sarif").read_text())["runs"][0]


def test_the_same_command_after_a_finished_stage_does_nothing(project, engine_settings):
    images_lock.write(project, {})
    call(project, "run", "check", environment=engine_settings)
    before = records(project)
    locked = {name.rpartition("/")[2]: image.digest for name, image in (images_lock.read(project) or {}).items()}
    assert locked == {name: image["digest"] for name, image in before["build"]["outputs"]["images"].items()}
    handed_on = newest_run(project) / "sbom" / images_lock.NAME
    assert handed_on.read_bytes() == (project / images_lock.NAME).read_bytes(), "a CI job hands it on"
    again = call(project, "run", "check", environment=engine_settings)
    assert again.exit_code == 0
    assert "nothing has changed" in again.stderr
    assert records(project) == before


def test_without_a_database_a_local_run_says_loudly_what_was_not_scanned(project):
    settings = {
        "MLOPS_CI_ENGINE": "host",
        "MLOPS_CI_SCAN__OFFLINE": "true",
        "MLOPS_CI_MIRRORS__TRIVY_DB": "127.0.0.1:9/none:2",
    }
    done = call(project, "run", "scan", "--set", "project.name=unscanned", environment=settings)
    assert done.exit_code == 0, done.said
    scan = records(project)["scan"]
    if scan["outputs"]["db"] is None:
        assert scan["status"] == "skipped"
        assert "NOT SCANNED FOR VULNERABILITIES" in done.stderr


def test_in_ci_the_engine_is_never_chosen_silently(project):
    done = call(project, "run", "plan", environment={"MLOPS_CI_PROVIDER": "github", "MLOPS_CI_ENGINE": "auto"})
    assert done.exit_code == 2
    assert "engine" in done.stderr


def test_results_are_machine_readable_on_standard_output(project):
    done = call(project, "run", "plan", "--json", environment={"MLOPS_CI_ENGINE": "host"})
    result = json.loads(done.stdout)
    assert result["exit_code"] == 0
    assert result["records"]["plan"]["outputs"]["images"]


def test_plan_says_what_keeps_jobs_apart(project):
    done = call(project, "run", "plan", environment={"MLOPS_CI_ENGINE": "host"})
    assert "isolation: none" in done.stderr


def test_a_failing_verify_stops_everything_after_it(project):
    done = call(project, "run", "--set", "train.gpus=1", environment={"MLOPS_CI_ENGINE": "host"})
    assert done.exit_code in (3, 11), done.said
    found = records(project)
    assert "train" not in found
    assert found["report"]["status"] == "passed"


@pytest.mark.parametrize("command", ["runs", "show", "clean"])
def test_looking_at_a_directory_without_runs(project, command):
    done = call(project, command)
    assert done.exit_code == (2 if command == "show" else 0), done.said


def test_runs_show_and_clean(project):
    call(project, "run", "check", environment={"MLOPS_CI_ENGINE": "host"})
    run_id = newest_run(project).name
    assert run_id in call(project, "runs").stdout
    assert json.loads(call(project, "runs", "--json").stdout)[0]["run"] == run_id
    assert "check" in call(project, "show").stdout
    assert call(project, "clean", "runs", "--keep", "0").exit_code == 0
    assert not (project / ".mlops" / "runs" / run_id).exists()


def test_two_runs_at_once_in_one_directory(project, tmp_path: Path):
    from mlops_ci.run.workspace import Workspace

    workspace = Workspace(root=project)
    workspace.prepare()
    with workspace.lock():
        done = call(project, "run", "plan", environment={"MLOPS_CI_ENGINE": "host"})
    assert done.exit_code == 10
    assert "another mlops-ci works in" in done.stderr
