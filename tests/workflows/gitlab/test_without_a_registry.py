"""A site without a registry, executed: one job makes the images and does all that is done in them, and `publish.yml`,
included beside it, goes on with the run of that job. The scanner's database asks for a login, which one job has.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci import pipeline
from support.gitlab_ci import make_bundle, make_consumer, run_pipeline
from support.oci_server import OciServer, trivy_database_server
from support.project import CONFIG

from .conftest import HOST, Site

PROFILE = 'extends = "no-registry"\ndatabase = "job"\n'
LOGIN = ("reader", "word-of-the-house")
IN_THE_GPU_JOB = ["build", "check", "scan", "prepare", "verify", "train", "evaluate"]
# What trains publishes nothing itself; what goes on with its run has prefix and inputs of its own.
BOTH = """\
include:
  - {project: org/mlops-ci, ref: v1, file: ci/gitlab/train.yml, inputs: {runner-gpu: [gpu], dry-run: true}}
  - {project: org/mlops-ci, ref: v1, file: ci/gitlab/publish.yml, inputs: {run-from: mlops-}}
"""
TRAINED = ("plan", "database", "train", "publish", "promote", "deploy", "result")
PUBLISHED = ("plan", "database", "publish", "promote", "deploy", "result")
SITE = '\n[publish]\nstore = "{store}"\n\n[tracking]\nuri = "{mlflow}"\n\n[verify]\nlevel = "static"\n'


@pytest.fixture
def private(trivy_db_folder: Path) -> Iterator[OciServer]:
    """A database that nobody gets without the login."""
    with trivy_database_server(trivy_db_folder / "db", login=LOGIN) as server:
        yield server


def test_the_gpu_job_makes_all_that_another_file_publishes(
    site: Site, private: OciServer, mlflow_server: str, tmp_path: Path
) -> None:
    name = f"alone-{secrets.token_hex(4)}"
    config = CONFIG.replace("seconds = 3.0", "seconds = 0.1").replace('name = "mean"', f'name = "{name}"')
    config += SITE.format(store=tmp_path / "store", mlflow=mlflow_server)
    (tmp_path / "site.toml").write_text(PROFILE)
    bundle = make_bundle(tmp_path / "mlops-ci", profile=str(tmp_path / "site.toml"))
    consumer = make_consumer(tmp_path / "model", BOTH, config=config)
    machine = {**site.machine, "MLOPS_CI_MIRRORS__TRIVY_DB": private.trivy_repository}
    login = dict(zip(("MLOPS_CI_DATABASE_USERNAME", "MLOPS_CI_DATABASE_PASSWORD"), LOGIN, strict=True))
    done = run_pipeline(consumer, bundle, *HOST, variables=login, machine=machine)
    assert done.exit_code == 0, done.output[-8000:]
    assert done.jobs == {
        **{f"mlops-{job}": 0 for job in TRAINED},
        **{f"mlops-publish-{job}": 0 for job in PUBLISHED},
    }
    (manifest,) = (done.artifacts("mlops-train") / ".mlops" / "handover").glob("train-*/handover.json")
    assert json.loads(manifest.read_text())["stages"] == IN_THE_GPU_JOB
    assert "is not on this machine" not in done.output, "no image was made a second time"
    assert f"Z, from {private.trivy_repository}" in done.log("mlops-train")
    assert LOGIN[1] not in done.output

    first, second = (
        json.loads(done.outputs(f"mlops-{job}result")["MLOPS_RESULT_RESULT_JSON"]) for job in ("", "publish-")
    )
    assert first["run"] == second["run"]
    left_out = dict.fromkeys(("publish", "promote", "deploy"), "left out")
    assert first["jobs"] == {"plan": "passed", "train": "passed", **left_out}
    assert second["jobs"] == {**dict.fromkeys(("plan", "publish", "promote"), "passed"), "deploy": "left out"}
    assert (second["model"], second["promoted"]) == ({"name": name, "version": "1"}, True)
    records = done.artifacts("mlops-publish-result").parent.parent / "builds"
    found = {path.stem for path in records.glob("mlops-publish-result/.mlops/runs/*/records/*.json")}
    assert found == set(pipeline.NAMES)
