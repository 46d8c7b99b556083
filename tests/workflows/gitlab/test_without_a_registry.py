"""A site without a registry, executed: one job makes the images and does all that is done in them, and `publish.yml`,
included beside it, goes on with the run of that job.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from mlops_ci import pipeline
from support.gitlab_ci import make_bundle, make_consumer, run_pipeline
from support.project import CONFIG

from .conftest import HOST, Site

PROFILE = "no-registry"
IN_THE_GPU_JOB = ["build", "check", "scan", "prepare", "verify", "train", "evaluate"]
# What trains publishes nothing itself; what goes on with its run has prefix and inputs of its own.
BOTH = """\
include:
  - {project: org/mlops-ci, ref: v1, file: ci/gitlab/train.yml, inputs: {runner-gpu: [gpu], dry-run: true}}
  - {project: org/mlops-ci, ref: v1, file: ci/gitlab/publish.yml, inputs: {run-from: mlops-}}
"""
TRAINED = ("plan", "train", "publish", "promote", "result")
PUBLISHED = ("plan", "publish", "promote", "result")
SITE = '\n[publish]\nstore = "{store}"\n\n[tracking]\nuri = "{mlflow}"\n\n[verify]\nlevel = "static"\n'


def test_the_gpu_job_makes_all_that_another_file_publishes(site: Site, mlflow_server: str, tmp_path: Path) -> None:
    name = f"alone-{secrets.token_hex(4)}"
    config = CONFIG.replace("seconds = 3.0", "seconds = 0.1").replace('name = "mean"', f'name = "{name}"')
    config += SITE.format(store=tmp_path / "store", mlflow=mlflow_server)
    bundle = make_bundle(tmp_path / "mlops-ci", profile=PROFILE)
    consumer = make_consumer(tmp_path / "model", BOTH, config=config)
    done = run_pipeline(consumer, bundle, *HOST, machine=site.machine)
    assert done.exit_code == 0, done.output[-8000:]
    assert done.jobs == {
        **{f"mlops-{job}": 0 for job in TRAINED},
        **{f"mlops-publish-{job}": 0 for job in PUBLISHED},
    }
    (manifest,) = (done.artifacts("mlops-train") / ".mlops" / "handover").glob("train-*/handover.json")
    assert json.loads(manifest.read_text())["stages"] == IN_THE_GPU_JOB
    assert "is not on this machine" not in done.output, "no image was made a second time"

    first, second = (
        json.loads(done.outputs(f"mlops-{job}result")["MLOPS_RESULT_RESULT_JSON"]) for job in ("", "publish-")
    )
    assert first["run"] == second["run"]
    assert first["jobs"] == {"plan": "passed", "train": "passed", "publish": "left out", "promote": "left out"}
    assert second["jobs"] == dict.fromkeys(("plan", "publish", "promote"), "passed")
    assert (second["model"], second["promoted"]) == ({"name": name, "version": "1"}, True)
    records = done.artifacts("mlops-publish-result").parent.parent / "builds"
    found = {path.stem for path in records.glob("mlops-publish-result/.mlops/runs/*/records/*.json")}
    assert found == set(pipeline.NAMES)
