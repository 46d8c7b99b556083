"""The jobs of `scan.yml` on runners without a container engine: a BuildKit and a registry are all there is."""

from __future__ import annotations

import json
import secrets
from contextlib import closing
from pathlib import Path

import pytest

from mlops_ci.images import catalogue
from support.gitlab_ci import make_bundle, make_consumer, run_pipeline
from support.remote_buildkit import BuildkitSocket, lone_project

from .conftest import Site

PIPELINE = "include: [{project: org/mlops-ci, ref: v1, file: ci/gitlab/scan.yml}]\n"
SCAN = """[scan]
secrets = false
"""
LAYER = """ARG BASE_IMAGE
FROM ${BASE_IMAGE}
ARG SOURCE_DATE_EPOCH
USER 0:0
RUN touch /LAYER
USER 10001:10001
"""


def test_jobs_of_a_machine_without_an_engine_build_and_scan(
    site: Site,
    docker_host_containerd: str,
    image_registry: str,
    mirrored_base_image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for path in Path("/usr/bin").iterdir():
        if not path.name.startswith("docker"):
            (programs / path.name).symlink_to(path)
    small = {f"images/{name}/Dockerfile": LAYER.replace("LAYER", name) for name in ("base", "python")}
    config = SCAN + lone_project(
        builder=f"unix://{tmp_path}/b.sock",
        registry=f"{image_registry}/no-engine-{secrets.token_hex(4)}",
        base=catalogue.load().base.name,
        mirror=mirrored_base_image,
    )
    bundle = make_bundle(tmp_path / "mlops-ci", files=small)
    consumer = make_consumer(tmp_path / "model", PIPELINE, config=config)
    monkeypatch.setenv("PATH", str(programs))
    nothing = {"DOCKER_HOST": f"unix://{tmp_path}/nothing.sock", "BUILDX_CONFIG": str(tmp_path / "buildx")}
    machine = {**site.machine, **nothing}
    with closing(BuildkitSocket(tmp_path / "b.sock", docker_host_containerd.removeprefix("unix://"))):
        done = run_pipeline(consumer, bundle, "--input", "engine=docker", machine=machine)
    assert done.exit_code == 0, done.output[-8000:]
    outputs = done.outputs("mlops-scan-result")
    result = json.loads(outputs[next(name for name in outputs if name.endswith("RESULT_JSON"))])
    assert result["jobs"]["build"] == result["jobs"]["scan"] == "passed"
    assert "no container engine here" in done.log("mlops-scan-build")
    built = done.records()["build"]["outputs"]["images"]
    assert [image["built"] for image in built.values()] == [True, True]
